// Package jobview says what may be shown of jobs to whoever looks at their store, for gomeko jobs
// and the control panel.
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

// Secrets says of jobs whether what they came with may be shown. Nil shows everything.
type Secrets map[[2]string]bool // by service and name: whether it is sensitive

// Of reads what workers have said about their rows.
func Of(ctx context.Context, s *store.Store) (Secrets, error) {
	rows, err := s.Hosted(ctx)
	found := Secrets{}
	for _, r := range rows {
		found[[2]string{r.Service, r.Name}] = r.Sensitive
	}
	return found, err
}

// Hide returns why the contents of a job must not be shown, "" if they may be.
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

// Content returns the value of a payload or a result, with what looks like a secret masked.
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
