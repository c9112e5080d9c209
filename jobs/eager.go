package jobs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/internal/headers"
	"github.com/gomeko/gomeko/jobs/store"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Eager makes clients run jobs themselves, for tests: a client runs the job in the same process
// before it returns, without a broker or a store. Pass it with the services:
//
//	h := servicetest.New(t, new(Images), new(Shop), jobs.Eager)
//
// Options that delay a job have no effect, nor have the delays of its row's key retry: a job that
// fails is tried again at once, as often as the row allows. Then its done hook runs. [Ref.Wait]
// returns the outcome. If another job has the unique key of a job, the job does not run, and its
// Ref is that of the other job. Resources have no effect. The service that has the job must be one
// of the services.
var Eager = service.Configure(eagerMode{})

// eagerMode is the configuration value of Eager.
type eagerMode struct{}

// Option returns the name of the option, for messages.
func (eagerMode) Option() string { return "jobs.Eager" }

// eagerAttempts limits the attempts of an eager job, because a method may ask for further ones
// endlessly.
const eagerAttempts = 100

// An eager runs jobs in the call that enqueues them.
type eager struct {
	host *service.Host
	rows map[string]*work // by their routing keys

	mu   sync.Mutex
	keys map[[3]string]*claimed // by service, name and unique key
}

// A claimed is an eager job with a unique key.
type claimed struct {
	id      string
	until   time.Time     // when it releases the key, if it has ended
	ended   chan struct{} // closed when outcome is set
	outcome Outcome
}

// holds reports whether the job has its key.
func (c *claimed) holds() bool {
	select {
	case <-c.ended:
		return time.Now().Before(c.until)
	default:
		return true
	}
}

// wait waits until the job has ended.
func (c *claimed) wait(ctx context.Context) (Outcome, error) {
	select {
	case <-c.ended:
		return c.outcome, nil
	case <-ctx.Done():
		return Outcome{}, fmt.Errorf("waiting for the outcome of job %s: %w", c.id, context.Cause(ctx))
	}
}

// claim takes the unique key of a job, or makes h the handle of the job that has it. It returns nil
// if the job is not unique.
func (e *eager) claim(ctx context.Context, w *work, h *handle, m transport.Publishing) (own *claimed) {
	from := reader{accepts: codec.Set{codec.JSON}, message: len(m.Body), decoded: eagerMemory}
	t := w.rule.terms(ctx, from, codec.Body{ContentType: m.ContentType, Data: m.Body})
	if t.UniqueKey == "" {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	key := [3]string{h.service, h.name, t.UniqueKey}
	if other := e.keys[key]; other != nil && other.holds() {
		h.id, h.other = other.id, other
		return nil
	}
	own = &claimed{id: h.id, until: time.Now().Add(t.UniqueFor), ended: make(chan struct{})}
	e.keys[key] = own
	return own
}

// eagerOf returns the eager of a container, or nil if its jobs are not eager.
func eagerOf(host *service.Host) (*eager, error) {
	if _, ok := service.Lookup[eagerMode](host); !ok {
		return nil, nil
	}
	return service.Shared(host, func(host *service.Host) (*eager, error) {
		return &eager{host: host, rows: map[string]*work{}, keys: map[[3]string]*claimed{}}, nil
	})
}

// add adds a row.
func (e *eager) add(w *work) (service.Entrypoint, error) {
	key := routingKey(w.Service, w.name)
	if other := e.rows[key]; other != nil {
		return nil, fmt.Errorf("is called %s, as the row %s is: give one of them another name", w.name, other.Name)
	}
	e.rows[key] = w
	return passive{}, nil
}

// A passive is the entrypoint of a row whose jobs all come from clients of the same process.
type passive struct{}

// Start does nothing.
func (passive) Start(context.Context) error { return nil }

// Stop does nothing.
func (passive) Stop(context.Context) error { return nil }

// run runs a job until it has ended, and then its done hook.
func (e *eager) run(ctx context.Context, h *handle, m transport.Publishing) error {
	w := e.rows[m.Key]
	if w == nil {
		var known []string
		for key := range e.rows {
			known = append(known, key)
		}
		slices.Sort(known)
		return fmt.Errorf("jobs are eager, and no service of this process has it (there are: %s): add the service", strings.Join(known, ", "))
	}
	own := e.claim(ctx, w, h, m)
	if h.other != nil {
		return nil
	}
	defer service.Lend(ctx)()
	run, cancel := context.WithCancelCause(e.host.Context())
	defer cancel(nil)
	defer context.AfterFunc(ctx, func() { cancel(context.Cause(ctx)) })()

	j := store.Job{ID: h.id, Service: h.service, Name: h.name, State: store.Queued}
	for !j.State.Final() {
		j.Attempt++
		result, err := w.callEager(run, &j, m)
		end := store.End{State: store.Succeeded, Result: result}
		if err != nil {
			w.decide(new(process), &end, &j, err) // without a store: nothing is observed and logged
		}
		if j.Attempt == eagerAttempts && !end.State.Final() {
			end.State = store.Failed
		}
		j.State, j.Result, j.ErrorType, j.Error = end.State, end.Result, end.ErrorType, end.Error
	}
	o := OutcomeOf(&j)
	h.outcome = &o
	if own != nil {
		own.outcome = o
		close(own.ended)
	}
	if w.done == nil {
		return nil
	}
	r := eagerRequest(&j, m)
	r.ID, r.Leading = "", []any{o}
	r.Parents = append(r.Parents[:len(r.Parents):len(r.Parents)], w.CallID(j.ID))
	for r.Attempt = 1; ; r.Attempt++ {
		_, err := w.done.Run(run, r)
		if err == nil {
			return nil
		}
		if r.Attempt == hookTries || service.VerdictOf(err).Action != service.Retry {
			return fmt.Errorf("its done hook: %w", err)
		}
	}
}

// callEager makes one attempt. Its result is JSON.
func (w *work) callEager(ctx context.Context, j *store.Job, m transport.Publishing) (result []byte, err error) {
	r := eagerRequest(j, m)
	r.Job, r.Payload, r.Leading = j.ID, m.Body, w.tickOf(m.Headers, time.Time{})
	r.Input = &input{
		body:    codec.Body{ContentType: m.ContentType, Data: m.Body},
		accepts: codec.Set{codec.JSON}, message: len(m.Body), decoded: eagerMemory, takes: w.takes,
	}
	value, err := w.Run(ctx, r)
	if err != nil || w.Result() == nil {
		return nil, err
	}
	ended := w.Apart(func() { result, err = codec.JSON.Encode(value) })
	if err = errors.Join(ended, err); err != nil {
		return nil, service.Park(fmt.Errorf("result cannot be recorded: %w", err))
	}
	return result, nil
}

// eagerMemory limits the bytes that the arguments of an eager job may take.
const eagerMemory = 128 << 20

// eagerRequest returns the request of a job, without its arguments.
func eagerRequest(j *store.Job, m transport.Publishing) service.Request {
	r := headers.Request(&transport.Delivery{Exchange: m.Exchange, Key: m.Key, Properties: m.Properties})
	r.ID, r.Attempt = j.ID, j.Attempt
	return r
}
