package run

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/gomeko/gomeko/contract"
	"github.com/gomeko/gomeko/fleet"
	"github.com/gomeko/gomeko/transport"
)

// A Service is what is known of a service of the fleet.
type Service struct {
	Document *contract.Document
	Running  bool      // a process of it has answered lately
	Seen     time.Time // when one did last
}

// row returns a row by its name in the table of the service, or else by that for callers. It
// returns nil if there is none.
func (s *Service) row(name string) *contract.Row {
	for _, is := range []func(r contract.Row) bool{
		func(r contract.Row) bool { return r.Name == name },
		func(r contract.Row) bool { return r.Call == name && (Kind(r.Kind) == RPC || Kind(r.Kind) == Job) },
	} {
		if i := slices.IndexFunc(s.Document.Rows, is); i >= 0 {
			return &s.Document.Rows[i]
		}
	}
	return nil
}

// Unserved returns since when no worker serves a row of a service, the zero time if one does, or
// if the service is not known. A job waits until one does.
func (r *Runs) Unserved(ctx context.Context, service, row string) (since time.Time) {
	s, err := r.cfg.Find(ctx, service)
	if err != nil || s.Running && s.row(row) != nil {
		return time.Time{}
	}
	return s.Seen
}

// answerFor is how long the answer of the fleet counts.
const answerFor = 10 * time.Second

// A survey asks the fleet for services, for a [Config] without Find.
type survey struct {
	conn *transport.Conn

	mu    sync.Mutex // held while the fleet is asked
	known map[string]Service
	asked map[string]time.Time
}

func newSurvey(conn *transport.Conn) *survey {
	return &survey{conn: conn, known: map[string]Service{}, asked: map[string]time.Time{}}
}

// find returns a service. One that does not answer any more is the one that it was.
func (v *survey) find(ctx context.Context, service string) (Service, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	s, known := v.known[service]
	if known && time.Since(v.asked[service]) < answerFor {
		return s, nil
	}
	documents, err := fleet.Describe(ctx, v.conn, service, 0)
	switch {
	case err == nil:
		s = Service{documents[len(documents)-1], true, time.Now()}
	case errors.Is(err, fleet.ErrUndescribed) && known:
		s.Running = false
	case errors.Is(err, fleet.ErrUndescribed):
		return s, fmt.Errorf("service %s %w: %w", service, ErrUnknownRow, err)
	default:
		return s, err
	}
	v.known[service], v.asked[service] = s, time.Now()
	return s, nil
}

// Row returns the description of a row that a control panel may run, whoever may. The error wraps
// [ErrUnknownRow].
func (r *Runs) Row(ctx context.Context, service, name string) (*contract.Row, error) {
	_, row, err := r.find(ctx, service, name)
	return row, err
}
