package jobs

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/gomeko/gomeko/jobs/store"
	"github.com/gomeko/gomeko/service"
)

// An Option changes how one job is enqueued.
type Option func(*options)

// options are the options of one job.
type options struct {
	id       string
	in       time.Duration
	at       time.Time
	priority int
	tx       store.Executor // nil without one
	attach   []func(id string, body []byte) (map[string]string, error)
	errs     []error
}

// In delays the job by d; it starts later if the workers are busy. With a store, the clock of its
// database counts; without one, the clocks of this process and of the worker. It cannot be combined
// with [At].
func In(d time.Duration) Option {
	return func(o *options) {
		if d < 0 {
			o.errs = append(o.errs, fmt.Errorf("jobs.In(%s): must not be negative", d))
		}
		o.in = d
	}
}

// At delays the job until t. It cannot be combined with [In].
func At(t time.Time) Option {
	return func(o *options) { o.at = t }
}

// Priority sets the priority of the job within its queue: higher ones run first. The default is 0;
// negative ones run last. It needs a store.
func Priority(p int) Option {
	return func(o *options) {
		if p < math.MinInt16 || p > math.MaxInt16 {
			o.errs = append(o.errs, fmt.Errorf("jobs.Priority(%d): must be from %d to %d", p, math.MinInt16, math.MaxInt16))
		}
		o.priority = p
	}
}

// ID sets the id of the job, at most 255 bytes; the default is a UUID of version 7. While the store
// has a job with this id, no other one is enqueued, and the [Ref] is that of the existing job.
// Without a store, ids are not checked, and the job runs again.
func ID(id string) Option {
	return func(o *options) {
		if id == "" || len(id) > maxID {
			o.errs = append(o.errs, fmt.Errorf("jobs.ID(%.40q): must have 1 to %d bytes", id, maxID))
		}
		o.id = id
	}
}

// Attach adds context data that depends on the message. f gets the id of the job and the body of
// its message, before it is compressed, and returns values by name, which replace those of ctx. If
// f returns an error, enqueueing returns it, and nothing is sent.
func Attach(f func(id string, body []byte) (data map[string]string, err error)) Option {
	return func(o *options) { o.attach = append(o.attach, f) }
}

// attached returns ctx with the context data of [Attach].
func (o *options) attached(ctx context.Context, id string, body []byte) (context.Context, error) {
	for _, f := range o.attach {
		data, err := f(id, body)
		if err != nil {
			return nil, err
		}
		for name, value := range data {
			ctx = service.Key[string](name).With(ctx, value)
		}
	}
	return ctx, nil
}

// Tx enqueues the job in a transaction of the caller, on the database of the store. The job runs
// only if tx is committed, soon after the commit. tx may be a *sql.Tx, or a wrapper of one. In a
// service, outbox:"database" in the tag of the [Client] does the same for all of its jobs. It needs
// a store.
func Tx(tx store.Executor) Option {
	return func(o *options) {
		if o.tx = tx; tx == nil {
			o.errs = append(o.errs, errors.New("jobs.Tx(nil): pass the transaction"))
		}
	}
}

// optionsOf applies opts.
func optionsOf(opts []Option) (options, error) {
	var o options
	for _, opt := range opts {
		if opt != nil {
			opt(&o)
		}
	}
	if o.in > 0 && !o.at.IsZero() {
		o.errs = append(o.errs, errors.New("jobs.In and jobs.At exclude each other: pass one of them"))
	}
	return o, errors.Join(o.errs...)
}

// delayed reports whether the job runs later.
func (o *options) delayed() bool { return o.delay() > 0 }

// delay returns how long the job waits.
func (o *options) delay() time.Duration {
	if o.in > 0 {
		return o.in
	}
	return max(0, time.Until(o.at))
}
