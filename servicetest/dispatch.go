package servicetest

import (
	"github.com/gomeko/gomeko/events"
	"github.com/gomeko/gomeko/transport"
)

// Dispatcher returns a dispatcher of events in the name of a service, which need not be hosted. It goes the whole way to the
// handlers, whose calls [Host.Watch] tells of:
//
//	forgotten := h.Watch("orders.ForgetUser")
//	err := h.Dispatcher("users")(t.Context(), "user_deleted", Deleted{ID: 7})
//	got := forgotten()
//
// That nobody hosted listens to an event is an error, unlike elsewhere: its name may be misspelt. What a hosted service
// dispatches is seen by another one that handles it.
func (h *Host) Dispatcher(name string) events.Dispatcher {
	return events.NewDispatcher(h.conn, name, func(m *transport.Publishing) { m.Mandatory = true })
}
