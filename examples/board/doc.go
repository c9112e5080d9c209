// Package board is a web page that shows new orders, with a form to create them. The page is plain
// HTML with a small script, embedded in the program.
//
//	gomeko run ./examples/board ./examples/orders ./examples/orders/users
//
// Open http://localhost:8000 in two windows, or create an order in a terminal:
//
//	$ gomeko call orders.create_order id=a1 user_id=7 product=tea
//
// # How an order reaches the page
//
// The orders service dispatches order_created. [Board] handles the event and sends the order to all
// clients that listen to a channel of its hub. A websocket subscribes by calling watch, which also
// returns the latest orders, including those that the client has missed.
//
// The form is posted to a route, which calls create_order over RPC. The event updates the page, not
// the response. The script gives each order an id, so a form that is sent twice creates one order.
// Without JavaScript it is an ordinary form.
//
// # Without a browser
//
// The route /feed has the same events for clients that have only HTTP:
//
//	$ curl -N -H 'Accept: text/event-stream' localhost:8000/feed
//	$ curl localhost:8000/feed
//
// # Several processes
//
// The board stores no orders, and config.yaml connects the hubs of its processes. So it can run in
// any number of processes, on several machines or behind one address. One process handles each
// event, and the clients of all processes receive it:
//
//	$ gomeko broker
//	$ gomeko run ./examples/orders ./examples/orders/users --http 8010
//	$ gomeko run ./examples/board --config examples/board/config.yaml --http 8000
//	$ gomeko run ./examples/board --config examples/board/config.yaml --http 8001
//
// Run each command in its own terminal. Post an order to one process, and see it on a page of the
// other. If you stop a process, its pages reconnect. With RabbitMQ you do not need gomeko broker.
//
// To run several processes on one port, use one command:
//
//	$ gomeko run ./examples/board --config examples/board/config.yaml --procs 4
package board
