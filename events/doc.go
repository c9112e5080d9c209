// Package events has services tell each other what has happened, on Nameko's wire: a service dispatches an event without
// knowing who listens, and any number of services, in Go and in Python, handle it.
//
// # Dispatcher
//
// A [Dispatcher] is a field of the service that dispatches, and a func, so that a test of the service writes its own:
//
//	type Users struct {
//		_ service.Name `service:"users"`
//		…
//		Dispatch events.Dispatcher
//	}
//
//	err := u.Dispatch(ctx, "user_deleted", Deleted{ID: id})
//
// When it returns nil the broker has the event, and has put it into the queue of everybody who listens.
//
// # Handler
//
// A [Handler] is a row of the table of a service that listens. It names who dispatches and what:
//
//	type Orders struct {
//		_ service.Name `service:"orders"`
//
//		Entrypoints struct {
//			ForgetUser events.Handler `events:"users.user_deleted"`
//			Archive    events.Handler `events:"users user.#" delivery:"singleton"`
//			Refresh    events.Handler `events:"prices.changed" delivery:"broadcast" reliable:"false"`
//		}
//	}
//
//	func (o *Orders) ForgetUser(ctx context.Context, user Deleted) error
//	func (o *Orders) Archive(ctx context.Context, event events.Event, user json.RawMessage) error
//	func (o *Orders) Refresh(ctx context.Context, change Change) error
//
// In a pool, which is the default, one instance of each service that listens gets the event. A singleton is one
// instance of all services together, and a broadcast reaches every instance: that is how caches are emptied.
//
// # Delivery
//
// An event is delivered at least once. It is acknowledged when its handler has returned: a process that dies before that
// leaves it to another, who is told by [service.Call].Redelivered. Queues outlive their services unless reliable:"false"
// is written, so that no event is missed over a restart; a handler that is taken out of the program leaves a queue behind
// that somebody has to delete.
//
// A handler that fails is logged, and its event is gone, as in Nameko; requeue:"true" has it delivered again at once, until
// it succeeds. What does not fit the handler's type, or cannot be read at all, is logged with its head and gone in both cases.
//
// # Programs that host no services
//
// [NewDispatcher] dispatches on a connection of the program's, in the name of a service:
//
//	conn, err := transport.Dial(ctx, transport.Config{URI: "amqp://guest:guest@localhost"})
//	dispatch := events.NewDispatcher(conn, "users")
//	err = dispatch(ctx, "user_deleted", Deleted{ID: id})
package events
