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

// A Service is a service of the fleet, as far as it is known.
type Service struct {
	Document *contract.Document
	Running  bool      // a process of it has answered recently
	Seen     time.Time // when a process last answered
}

// row returns the row with this name in the table of the service, or else the row that callers call
// so. It returns nil if there is none.
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

// Unserved returns the time since when no worker has served a row of a service. It is zero if a
// worker does, or if the service is unknown. A job waits until a worker does.
func (r *Runs) Unserved(ctx context.Context, service, row string) (since time.Time) {
	s, err := r.cfg.Find(ctx, service)
	if err != nil || s.Running && s.row(row) != nil {
		return time.Time{}
	}
	return s.Seen
}

// answerFor is how long an answer of the fleet is used.
const answerFor = 10 * time.Second

// A survey asks the fleet about services, for a [Config] without Find.
type survey struct {
	conn *transport.Conn

	mu    sync.Mutex // held while asking the fleet
	known map[string]Service
	asked map[string]time.Time
}

func newSurvey(conn *transport.Conn) *survey {
	return &survey{conn: conn, known: map[string]Service{}, asked: map[string]time.Time{}}
}

// find returns a service. If it no longer answers, find returns the last answer.
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

// Row returns the description of a row that a control panel may run, regardless of the user. The
// error wraps [ErrUnknownRow].
func (r *Runs) Row(ctx context.Context, service, name string) (*contract.Row, error) {
	_, row, err := r.find(ctx, service, name)
	return row, err
}
