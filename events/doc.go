// Package events dispatches and handles events between services, on Nameko's wire. A service
// dispatches an event without knowing who listens; any number of services, in Go or Python, can
// handle it.
//
// # Dispatcher
//
// A [Dispatcher] is a field of the service that dispatches. It is a func, so a test can supply one:
//
//	type Users struct {
//		_ service.Name `service:"users"`
//		…
//		Dispatch events.Dispatcher
//	}
//
//	err := u.Dispatch(ctx, "user_deleted", Deleted{ID: id})
//
// It returns once the broker has the event and has put it into the queue of each listener.
//
// # Handler
//
// A [Handler] is a row of a service that listens. Its tag names the service that dispatches the
// event, and the event:
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
// By default, the instances of a listening service are a pool: one of them handles each event. With
// delivery:"singleton", one instance of all services handles it. With delivery:"broadcast", every
// instance handles it, for example to clear its cache.
//
// # Delivery
//
// An event is delivered at least once. It is acknowledged when its handler returns. If a process
// dies before that, another one gets the event, with [service.Call].Redelivered set.
//
// The queue of a handler outlives the service, so that events dispatched during a restart are not
// lost. It also outlives the handler: when you remove the handler from the program, delete its
// queue. With reliable:"false" the queue is deleted with its last listener.
//
// If a handler fails, the error is logged and the event is acknowledged, as in Nameko. With
// requeue:"true" the event is delivered again until the handler succeeds: at once the first time,
// then after 0.1 s and more, up to 10 s. In both cases, an event that cannot be read, or does not
// fit the handler's payload, is logged with the beginning of its body and acknowledged.
//
// With retry:"1s 10s*3 10m" a failed event is handled again after these delays. It is parked in a
// dead queue when the last attempt has failed, or at once if no further attempt would succeed. A
// handler can decide this itself with [service.RetryAfter], [service.Park] and [service.Drop]. With
// ack:"early" an event is acknowledged before its handler runs, so it is handled at most once.
// docs/failures.md explains how to choose the delays, and what is guaranteed.
//
// # Programs that host no services
//
// [NewDispatcher] returns a dispatcher in the name of a service:
//
//	conn, err := transport.Dial(ctx, transport.Config{URI: "amqp://guest:guest@localhost"})
//	dispatch := events.NewDispatcher(conn, "users")
//	err = dispatch(ctx, "user_deleted", Deleted{ID: id})
//
// The program's RPC clients can use the same connection (rpc.NewCaller).
package events
