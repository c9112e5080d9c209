package jobs

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/jobs/store"
)

// rules are what the rows of services say about their jobs, as the store has it. A service is read
// when the first of its jobs is enqueued, and again when the store says that it has changed.
type rules struct {
	mu       sync.Mutex
	services map[string]map[string]*rule // by service and name
}

// rulesTries limits how often a job is inserted whose row says something else each time.
const rulesTries = 5

// errChanging is the error of a job whose row says something else at each try to enqueue it.
var errChanging = errors.New("its row's unique key or resource is another one at each try: processes with different versions of the service start over and over")

// of returns the rules of a service, by the names of its jobs.
func (r *rules) of(ctx context.Context, s *store.Store, service string) (map[string]*rule, error) {
	r.mu.Lock()
	known := r.services[service]
	r.mu.Unlock()
	if known != nil {
		return known, nil
	}
	return r.read(ctx, s, service)
}

// read reads the rules of a service.
func (r *rules) read(ctx context.Context, s *store.Store, service string) (map[string]*rule, error) {
	specs, err := s.Specs(ctx, service)
	if err != nil {
		return nil, err
	}
	found := make(map[string]*rule, len(specs))
	for _, x := range specs {
		if found[x.Name], err = ruleOf(x.Text, x.Version); err != nil {
			return nil, fmt.Errorf("what row %s.%s says in the store is not understood, perhaps by a newer version of gomeko: %w", x.Service, x.Name, err)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.services == nil {
		r.services = map[string]map[string]*rule{}
	}
	r.services[service] = found
	return found, nil
}

// versionOf returns the version of a rule, "" for nil.
func versionOf(r *rule) string {
	if r == nil {
		return ""
	}
	return r.version
}

// place inserts jobs with insert, with their terms: they are computed again if a row says something
// else than this process has read.
func (r *rules) place(ctx context.Context, s *store.Store, from reader, jobs []store.New,
	insert func(context.Context, ...store.New) ([]store.Inserted, error),
) ([]store.Inserted, error) {
	all := make([]store.Inserted, len(jobs))
	pending := make([]int, len(jobs))
	for i := range jobs {
		pending[i] = i
	}
	look := r.of
	for range rulesTries {
		some := make([]store.New, len(pending))
		fresh := map[string]map[string]*rule{}
		for at, i := range pending {
			n := jobs[i]
			if fresh[n.Service] == nil {
				known, err := look(ctx, s, n.Service)
				if err != nil {
					return nil, err
				}
				fresh[n.Service] = known
			}
			n.Terms = fresh[n.Service][n.Name].terms(ctx, from, codec.Body{ContentType: n.ContentType, Data: n.Payload})
			some[at] = n
		}
		inserted, err := insert(ctx, some...)
		if err != nil {
			return nil, err
		}
		var stale []int
		for at, i := range pending {
			if all[i] = inserted[at]; all[i].Stale {
				stale = append(stale, i)
			}
		}
		if pending, look = stale, r.read; len(pending) == 0 {
			return all, nil
		}
	}
	return nil, errChanging
}
