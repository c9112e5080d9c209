package service

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// defaultParents is Nameko's parent_calls_tracked.
const defaultParents = 10

// A Call is one run of a service's method. It travels in ctx; what the method calls or
// dispatches in turn carries its ID and Data on.
type Call struct {
	Service string // orders
	Method  string // the method's name on the wire, as its signature spells it: get_order
	Row     string // the name of its row in the table: GetOrder
	ID      string // orders.get_order.<uuid4>

	// Parents are the ids of the calls that led to this one, oldest first (nameko.call_id_stack).
	Parents []string

	// Data is the context data: what came in headers, without the nameko. prefix.
	// It is the call's own, and not safe for a writer beside other goroutines.
	Data map[string]any

	Redelivered bool // the broker delivered it before, to somebody who did not finish
	Attempt     int  // 1 for the first

	watcher Watcher
	read    func(ctx context.Context, result any) (any, error)
	limit   time.Duration           // 0 is none
	cancel  context.CancelCauseFunc // nil: Run has its own
	parents int                     // how many ids of Parents Stack hands on; 0 is defaultParents, negative is none
}

// Watch has w told how the call goes. It is for the entrypoint that makes the call, before [Field.Run].
func (c *Call) Watch(w Watcher) { c.watcher = w }

// Read has fn make of what the method returns the result of the call, before the call's own values are ended: a result that
// is a stream is read there, while what it comes from lives. It is for the entrypoint that makes the call, before [Field.Run].
func (c *Call) Read(fn func(ctx context.Context, result any) (any, error)) { c.read = fn }

// Limit has ctx end after d: that is how long the call may wait for a worker and, if its row has no timeout of its own, run.
// 0 is no limit. It is for the entrypoint that makes the call, before [Field.Run].
func (c *Call) Limit(d time.Duration) { c.limit = d }

// Cancel gives the call what ends the ctx that [Field.Run] gets, so that this need not make one of its own: it calls cancel
// when the method has returned, when the container is killed and when a Limit is over. nil is none. It is for the
// entrypoint that makes the call, before Run.
func (c *Call) Cancel(cancel context.CancelCauseFunc) { c.cancel = cancel }

// FromContext returns the call that ctx belongs to, nil outside of one.
func FromContext(ctx context.Context) *Call {
	if r, ok := ctx.Value(runKey{}).(*run); ok {
		return r.call
	}
	return nil
}

// Stack returns the call id stack for what this call sends: Parents and ID, the oldest dropped over
// [Config].ParentCallsTracked + 1, as in Nameko (see docs/wire/nameko.md, Context data). The caller
// may change the slice.
func (c *Call) Stack() []string {
	parents := c.Parents
	if over := len(parents) - max(0, cmp.Or(c.parents, defaultParents)); over > 0 {
		parents = parents[over:]
	}
	return append(slices.Clip(parents), c.ID)
}
