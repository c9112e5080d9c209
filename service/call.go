package service

import (
	"cmp"
	"context"
	"slices"
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
	inline  bool
	parents int // how many ids of Parents Stack hands on; 0 is defaultParents, negative is none
}

// Watch has w told how the call goes. It is for the entrypoint that makes the call, before [Field.Run].
func (c *Call) Watch(w Watcher) { c.watcher = w }

// Read has fn make of what the method returns the result of the call, before the call's own values are ended: a result that
// is a stream is read there, while what it comes from lives. It is for the entrypoint that makes the call, before [Field.Run].
func (c *Call) Read(fn func(ctx context.Context, result any) (any, error)) { c.read = fn }

// Inline has the method run in the goroutine that calls [Field.Run], unless its row has a timeout: when ctx ends Run waits for
// the method all the same. It is for an entrypoint whose peer is not told anything then, since ctx ends when the peer goes.
func (c *Call) Inline() { c.inline = true }

// FromContext returns the call that ctx belongs to, nil outside of one.
func FromContext(ctx context.Context) *Call {
	if r, ok := ctx.Value(runKey{}).(*run); ok {
		return r.call
	}
	return nil
}

// Stack returns the call id stack for what this call sends: Parents and ID, the oldest dropped over
// [Config].ParentCallsTracked + 1 (Nameko's cap, SPEC §3). The slice is the caller's.
func (c *Call) Stack() []string {
	parents := c.Parents
	if over := len(parents) - max(0, cmp.Or(c.parents, defaultParents)); over > 0 {
		parents = parents[over:]
	}
	return append(slices.Clip(parents), c.ID)
}
