package service

import (
	"cmp"
	"context"
	"slices"
)

// defaultParents is Nameko's default of parent_calls_tracked.
const defaultParents = 10

// A Call is one call of a service's method, as the method and the middleware see it. [FromContext]
// returns it. It must not be changed. Calls and events that the method sends carry its ID and Data.
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

	// TraceID is the id of the trace that the call belongs to, or "" unless an [Observer] traces it.
	// The call's log lines have it as trace_id.
	TraceID string

	// Data is the context data that came with the call. Its keys are names of headers without the
	// prefix "nameko.". Use a [Key] to read a value with its type.
	Data map[string]any

	// Redelivered means that the broker has delivered the message before, to a consumer that did not
	// acknowledge it.
	Redelivered bool

	// Attempt is the number of this attempt, starting at 1. It increases when the call is retried
	// after a failure, by the key retry of the row's tag or by [RetryAfter]. A message that the broker
	// redelivers because a process or a connection was lost counts as the same attempt.
	Attempt int

	parents int // how many of Parents Stack returns; 0 is defaultParents, negative is none
}

// FromContext returns the call that ctx belongs to, or nil outside of a call.
func FromContext(ctx context.Context) *Call {
	if c, ok := ctx.Value(runKey{}).(*run); ok {
		return &c.call
	}
	return nil
}

// Root returns the id of the first call of the chain that led to this one: the first of Parents, or
// ID if there are none. The log lines of all calls in the chain have it as root_call_id. A chain of
// more than [Config].ParentCallsTracked calls loses its first ids.
func (c *Call) Root() string {
	if len(c.Parents) > 0 {
		return c.Parents[0]
	}
	return c.ID
}

// Stack returns the call id stack that a message sent by this call carries: Parents and ID, without
// the oldest if there are more than [Config].ParentCallsTracked parents. The caller may modify the
// slice.
func (c *Call) Stack() []string {
	parents := c.Parents
	if over := len(parents) - max(0, cmp.Or(c.parents, defaultParents)); over > 0 {
		parents = parents[over:]
	}
	return append(slices.Clip(parents), c.ID)
}
