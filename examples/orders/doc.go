// Package orders is an application of two services: orders keeps orders in a database, and users,
// in the package below, knows who the customers are. Each call has one transaction.
//
//	gomeko run ./examples/orders ./examples/orders/users
//
//	$ gomeko call orders.create_order id=a1 user_id=7 product=tea
//	{"count":1,"customer":"Julio","id":"a1","product":"tea","user_id":7}
//	$ gomeko call orders.create_order id=a2 user_id=7 product=gold
//	Exception: commit: constraint failed: FOREIGN KEY constraint failed (787)
//
// The same methods are served over HTTP:
//
//	$ curl -d '{"id": "a3", "user_id": 7, "product": "tea"}' -H 'Content-Type: application/json' localhost:8000/orders
//	{"id":"a3","user_id":7,"customer":"Julio","product":"tea","count":1}
//	$ curl localhost:8000/orders/b9
//	Error: NotFound: "b9": order not found
//
// The program shop hosts both services.
//
// # The transaction
//
// [InTx] makes the field Store of [Orders] for each call, in a transaction. The methods use the
// interface and do not handle transactions. When a method returns, and before the reply is sent,
// the transaction is committed, or rolled back if the method returned an error or panicked. If the
// commit fails, the caller receives its error.
//
// # Duplicate requests
//
// If a process dies after the commit and before its reply, the request is not acknowledged. The
// broker delivers it to another process, and the method runs again, with Redelivered set in its
// [service.Call]. A caller that loses its connection may also send a request twice. So the caller
// chooses the order's id, and CreateOrder returns the existing order if there is one: an order is
// created once.
//
// # Events
//
// orders dispatches order_created with outbox:"database": the event is written into the transaction
// of the order, and leaves if that is committed. So it announces no order that was rolled back, and
// every order that was not, also if the process dies in between. orders also handles
// users.user_deleted, and deletes the orders of that user:
//
//	$ gomeko call users.delete_user 7
//
// With inbox:"true" an event that is delivered again is acknowledged, and not handled: its id is
// noted in the transaction that deletes the orders.
//
// If the database is unavailable, the event is handled again after the delays that the row's tag
// has: 1s, three times 10s, 10m and six times 1h. Then it is parked in a dead queue, as is at once
// an event without a user's id, for which the method returns [service.Park]. gomeko dead shows what
// is parked, and hands it to the service again:
//
//	$ gomeko dead
//	$ gomeko dead retry evt-users-user_deleted--orders.forget_user --all
//
// # The database
//
// [Settings] name the database: the path of a file, for the built-in SQLite, or a postgres:// URL.
// config.yaml takes it from the environment variable ORDERS_DATABASE. The same code runs on both.
//
//	$ ORDERS_DATABASE=postgres://localhost/orders gomeko run --config examples/orders/config.yaml ./examples/orders
package orders
