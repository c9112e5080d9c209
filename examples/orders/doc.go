// Package orders is an application of two services: orders keeps what people have ordered in a database, and asks users,
// in the package below, who they are. What one call does to the database is one transaction.
//
//	gomeko run ./examples/orders ./examples/orders/users
//
//	$ gomeko call orders.create_order id=a1 user_id=7 product=tea
//	{"count":1,"customer":"Julio","id":"a1","product":"tea","user_id":7}
//	$ gomeko call orders.create_order id=a2 user_id=7 product=gold
//	Exception: commit: constraint failed: FOREIGN KEY constraint failed (787)
//
// The same by HTTP, where methods are what they are by RPC:
//
//	$ curl -d '{"id": "a3", "user_id": 7, "product": "tea"}' -H 'Content-Type: application/json' localhost:8000/orders
//	{"id":"a3","user_id":7,"customer":"Julio","product":"tea","count":1}
//	$ curl localhost:8000/orders/b9
//	Error: NotFound: "b9": order not found
//
// shop is the same as a program.
//
// # The transaction
//
// The field Store of [Orders] is made for each call, by [InTx]: the method sees an interface with what it needs, and
// nothing of transactions. When it has returned, and before its caller hears of it, the transaction ends: by commit, or by
// rollback if the method returned an error or panicked. If the commit fails, that is the error of the call, and the
// caller gets it.
//
// # Twice
//
// A process that dies when it has committed, and not yet answered, leaves a request that nobody has acknowledged: the
// broker gives it to another process, and the method runs again, with Redelivered set in its [service.Call]. A caller whose
// connection breaks may send its request a second time too. So the caller chooses the order's id, and an order
// that is there already is the answer: it is made once, however often it is asked for.
//
// # Events
//
// Whoever wants to know of new orders listens to orders.order_created, which is dispatched once an order is in its transaction,
// and before that is committed: an event may tell of an order that the commit has refused, and no order goes untold. orders itself
// listens to users.user_deleted, and deletes the orders of who has left; should the database be away, again until it is back.
//
//	$ gomeko call users.delete_user 7
//
// # The database
//
// [Settings] name it, in config.yaml the environment's ORDERS_DATABASE: a file, for the SQLite that is built in, or a
// postgres:// URL. The same code runs on both.
//
//	$ ORDERS_DATABASE=postgres://localhost/orders gomeko run --config examples/orders/config.yaml ./examples/orders
package orders
