package service

import "context"

// A Call is one run of a service's method. It travels in ctx; what the method calls or
// dispatches in turn carries its ID and Data on.
type Call struct {
	Service string // orders
	Method  string // the Go method's name in the signature's spelling on the wire: get_order
	ID      string // orders.get_order.<uuid4>

	// Parents are the ids of the calls that led to this one, oldest first (nameko.call_id_stack).
	Parents []string

	// Data is the context data: what came in headers, without the nameko. prefix.
	// It is the call's own and must not be written to by more than one goroutine.
	Data map[string]any

	Redelivered bool // the broker delivered it before, to somebody who did not finish
	Attempt     int  // 1 for the first
}

// FromContext returns the call that ctx belongs to, nil outside of one.
func FromContext(ctx context.Context) *Call { panic("sketch") }

// Stack returns the call id stack for what this call sends: Parents and ID, the oldest dropped over
// Config.ParentCallsTracked + 1 (Nameko's cap, SPEC §3).
func (c *Call) Stack() []string { panic("sketch") }
