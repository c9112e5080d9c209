package jobs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/jobs/store"
)

// rules caches what the store says about the rows of services. A service is read when the first of
// its jobs is enqueued, and again when the store reports that it has changed.
type rules struct {
	mu       sync.Mutex
	services map[string]map[string]*rule // by service and name
}

// rulesTries limits how often the insertion of a job is retried because its row has changed.
const rulesTries = 5

// errChanging is the error of a job whose row has changed at each try to enqueue it.
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

// versionOf returns the version of a rule, or "" for nil.
func versionOf(r *rule) string {
	if r == nil {
		return ""
	}
	return r.version
}

// place sets the terms of jobs, and inserts them with insert. It repeats this for jobs whose row
// has changed since this process read it.
func (r *rules) place(ctx context.Context, s *store.Store, from reader, jobs []store.New,
	insert func(context.Context, ...store.New) ([]store.Inserted, error),
) ([]store.Inserted, error) {
	if err := r.setTerms(ctx, s, from, jobs, r.of); err != nil {
		return nil, err
	}
	all, err := insert(ctx, jobs...)
	for tries := 1; err == nil && slices.ContainsFunc(all, isStale); tries++ {
		if tries == rulesTries {
			return nil, errChanging
		}
		var again []store.New
		for i, x := range all {
			if x.Stale {
				again = append(again, jobs[i])
			}
		}
		if err = r.setTerms(ctx, s, from, again, r.read); err != nil {
			return nil, err
		}
		var inserted []store.Inserted
		if inserted, err = insert(ctx, again...); err != nil {
			return nil, err
		}
		for i, x := range all {
			if x.Stale {
				all[i], inserted = inserted[0], inserted[1:]
			}
		}
	}
	return all, err
}

func isStale(x store.Inserted) bool { return x.Stale }

// setTerms sets the terms of jobs according to the rules of their service, which look finds.
// Consecutive jobs of one service share the rules.
func (r *rules) setTerms(ctx context.Context, s *store.Store, from reader, jobs []store.New,
	look func(context.Context, *store.Store, string) (map[string]*rule, error),
) (err error) {
	var found map[string]*rule
	for i := range jobs {
		n := &jobs[i]
		if i == 0 || n.Service != jobs[i-1].Service {
			if found, err = look(ctx, s, n.Service); err != nil {
				return err
			}
		}
		n.Terms = found[n.Name].terms(ctx, from, codec.Body{ContentType: n.ContentType, Data: n.Payload})
	}
	return nil
}
