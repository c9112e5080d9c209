// Package events dispatches and handles events between services, on Nameko's wire. A service
// dispatches an event without knowing who listens; any number of services, in Go and in Python,
// handle it.
//
// # Dispatcher
//
// A [Dispatcher] is a field of the service that dispatches. It is a func, so a test can use its
// own:
//
//	type Users struct {
//		_ service.Name `service:"users"`
//		…
//		Dispatch events.Dispatcher
//	}
//
//	err := u.Dispatch(ctx, "user_deleted", Deleted{ID: id})
//
// It returns nil when the broker has the event, and has put it into the queue of each listener.
//
// # Handler
//
// A [Handler] is a row of a service that listens. Its tag names the dispatching service and the
// event:
//
//	type Orders struct {
//		_ service.Name `service:"orders"`
//
//		Entrypoints struct {
//			ForgetUser events.Handler `events:"users.user_deleted" retry:"1s 10s*3 10m"`
//			Archive    events.Handler `events:"users user.#" delivery:"singleton"`
//			Refresh    events.Handler `events:"prices.changed" delivery:"broadcast" reliable:"false"`
//		}
//	}
//
//	func (o *Orders) ForgetUser(ctx context.Context, user Deleted) error
//	func (o *Orders) Archive(ctx context.Context, event events.Event, user json.RawMessage) error
//	func (o *Orders) Refresh(ctx context.Context, change Change) error
//
// By default, one instance of each listening service handles an event: its instances are a pool.
// With delivery:"singleton", one instance of all services handles it. With delivery:"broadcast",
// every instance handles it, for example to clear its cache.
//
// # Delivery
//
// An event is delivered at least once. It is acknowledged when its handler has returned. If a
// process dies before that, another one gets the event, with [service.Call].Redelivered set.
//
// The queue of a handler outlives the service, so that events dispatched during a restart are not
// lost. It also remains when the handler is removed from the program; then somebody must delete it.
// With reliable:"false" it is deleted with its last listener.
//
// If a handler fails, the error is logged and the event is acknowledged, as in Nameko. With
// requeue:"true" it is delivered again until the handler succeeds: at once the first time, then
// after 0.1 s and more, up to 10 s. An event that cannot be read, or does not fit the handler's
// payload, is logged with the beginning of its body and acknowledged in both cases.
//
// With retry:"1s 10s*3 10m" a failed event is handled again after these delays. When the last
// attempt has failed, or if no other would succeed, it is parked in a dead queue. A handler decides
// itself with [service.RetryAfter], [service.Park] and [service.Drop]. With ack:"early" an event is
// acknowledged before its handler runs, so it is handled at most once. docs/failures.md explains
// how to choose the delays, and what is guaranteed.
//
// # Programs that host no services
//
// [NewDispatcher] returns a dispatcher in the name of a service:
//
//	conn, err := transport.Dial(ctx, transport.Config{URI: "amqp://guest:guest@localhost"})
//	dispatch := events.NewDispatcher(conn, "users")
//	err = dispatch(ctx, "user_deleted", Deleted{ID: id})
//
// The same connection serves the program's RPC clients (rpc.NewCaller).
package events
