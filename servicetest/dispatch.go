package servicetest

import (
	"github.com/gomeko/gomeko/events"
	"github.com/gomeko/gomeko/transport"
)

// Dispatcher returns a dispatcher of events in the name of a service, which need not be hosted.
// Events pass through the broker to the handlers. [Host.Watch] returns the outcomes of their calls:
//
//	forgotten := h.Watch("orders.ForgetUser")
//	err := h.Dispatcher("users")(t.Context(), "user_deleted", Deleted{ID: 7})
//	got := forgotten()
//
// Unlike in production, an event that no hosted service handles is an error, because its name may
// have a typo.
func (h *Host) Dispatcher(name string) events.Dispatcher {
	return events.NewDispatcher(h.conn, name, func(m *transport.Publishing) { m.Mandatory = true })
}
