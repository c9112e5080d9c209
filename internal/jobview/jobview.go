// Package jobview decides which contents of jobs gomeko jobs and the control panel may show.
//
//	secrets, err := jobview.Of(ctx, s)
//	…
//	if why := secrets.Hide(&job); why == "" {
//		show(jobview.Content(job.Payload))
//	}
package jobview

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/gomeko/gomeko/internal/secret"
	"github.com/gomeko/gomeko/jobs/store"
)

// Secrets says which jobs have contents that must not be shown. Nil shows everything.
type Secrets map[[2]string]bool // sensitive or not, by service and name

// Of reads what the workers have recorded about their rows.
func Of(ctx context.Context, s *store.Store) (Secrets, error) {
	rows, err := s.Hosted(ctx)
	found := Secrets{}
	for _, r := range rows {
		found[[2]string{r.Service, r.Name}] = r.Sensitive
	}
	return found, err
}

// Hide returns the reason why the contents of a job must not be shown, or "" if they may be shown.
func (s Secrets) Hide(j *store.Job) string {
	sensitive, known := s[[2]string{j.Service, j.Name}]
	switch {
	case s == nil, known && !sensitive:
		return ""
	case known:
		return "its arguments are sensitive"
	default:
		return "no worker has told yet whether its arguments are sensitive"
	}
}

// Content returns the value of a payload or a result, with parts that look like secrets masked.
func Content(data []byte) any {
	if len(data) == 0 {
		return nil
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var v any
	if err := decoder.Decode(&v); err != nil {
		return secret.Mask(fmt.Sprintf("%q", data))
	}
	return secret.Value("", v, nil)
}
