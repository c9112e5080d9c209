// Package orders is an application of two services: orders keeps orders in a database, and users,
// in the subdirectory of that name, knows the customers. Each call has one transaction.
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
// For each call, [InTx] begins a transaction and sets the field Store of [Orders]. The methods use
// the interface and do not handle transactions. When a method returns, and before the reply is sent,
// the transaction is committed, or rolled back if the method returned an error or panicked. If the
// commit fails, the caller receives the error.
//
// # Duplicate requests
//
// If a process dies after the commit but before its reply, the request is unacknowledged. The broker
// redelivers it to another process, and the method runs again, with Redelivered set in its
// [service.Call]. A caller that loses its connection may also send a request twice. Therefore the
// caller chooses the order's id, and CreateOrder is idempotent: if the order exists, it returns it.
//
// # Events
//
// orders dispatches order_created with outbox:"database": the event is written in the order's
// transaction, and is sent once that is committed. So every committed order is announced, even if
// the process dies in between, and no order that was rolled back. orders also handles
// users.user_deleted, and deletes the orders of that user:
//
//	$ gomeko call users.delete_user 7
//
// With inbox:"true" a redelivered event is acknowledged but not handled again, because its id was
// recorded in the transaction that deleted the orders.
//
// If the database is unavailable, the event is retried after the delays in the row's tag: 1s, three
// times 10s, 10m and six times 1h. Then it is parked in a dead queue. An event without a user's id
// is parked at once, because the method returns [service.Park] for it. gomeko dead lists parked
// events and replays them:
//
//	$ gomeko dead
//	$ gomeko dead retry evt-users-user_deleted--orders.forget_user --all
//
// # The database
//
// [Settings] names the database: the path of a file, for the built-in SQLite, or a postgres:// URL.
// config.yaml takes it from the environment variable ORDERS_DATABASE. The same code works with both.
//
//	$ ORDERS_DATABASE=postgres://localhost/orders gomeko run --config examples/orders/config.yaml ./examples/orders
package orders
