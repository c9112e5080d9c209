package service

import (
	"cmp"
	"context"
	"slices"
)

// defaultParents is Nameko's default of parent_calls_tracked.
const defaultParents = 10

// A Call is one call of a service's method, as the method and the middleware see it. [FromContext]
// returns it. It must not be changed. Calls and events that the method sends carry its ID and Data
// on.
type Call struct {
	Service string // orders
	Method  string // the method's name on the wire, as its signature spells it: get_order
	Row     string // the name of its row in the table: GetOrder
	ID      string // orders.get_order.<uuid4>

	// Instance is the name of the process that runs the call: host/pid-xxxx, where xxxx is random for
	// each start of the process.
	Instance string

	// Parents are the ids of the calls that led to this one, oldest first (nameko.call_id_stack).
	Parents []string

	// TraceID is the id of the trace that the call belongs to, "" unless an [Observer] traces it. The
	// log lines of the call have it as trace_id.
	TraceID string

	// Data is the context data that came with the call, by the names of headers without the prefix
	// nameko. A [Key] reads a value with its type.
	Data map[string]any

	// Redelivered means that the broker has delivered the message before, to a consumer that did not
	// acknowledge it.
	Redelivered bool

	// Attempt counts the attempts of the call, from 1 on. A further one follows a failure: by the
	// key retry of the row's tag, or by [RetryAfter]. A message that the broker delivers again,
	// because a process or a connection was lost, is the same attempt.
	Attempt int

	parents int // how many of Parents Stack returns; 0 is defaultParents, negative is none
}

// FromContext returns the call that ctx belongs to, nil outside of a call.
func FromContext(ctx context.Context) *Call {
	if c, ok := ctx.Value(runKey{}).(*run); ok {
		return &c.call
	}
	return nil
}

// Root returns the id of the first call of the chain that led to this one: the first of Parents, or
// ID. The log lines of all calls of the chain have it as root_call_id. A chain of more than
// [Config].ParentCallsTracked calls loses its first ids.
func (c *Call) Root() string {
	if len(c.Parents) > 0 {
		return c.Parents[0]
	}
	return c.ID
}

// Stack returns the call id stack that a message sent by this call carries: Parents and ID, without
// the oldest if there are more than [Config].ParentCallsTracked parents. The slice is the caller's
// own.
func (c *Call) Stack() []string {
	parents := c.Parents
	if over := len(parents) - max(0, cmp.Or(c.parents, defaultParents)); over > 0 {
		parents = parents[over:]
	}
	return append(slices.Clip(parents), c.ID)
}
