// Package board is a page that shows new orders, and has a form to create them. The page is plain
// HTML with a small script, embedded into the program.
//
//	gomeko run ./examples/board ./examples/orders ./examples/orders/users
//
// Open http://localhost:8000 in two windows, or create an order in a terminal:
//
//	$ gomeko call orders.create_order id=a1 user_id=7 product=tea
//
// # How an order reaches the page
//
// The orders service dispatches order_created. [Board] handles the event, and sends the order to
// everyone who listens to a channel of its hub. A socket subscribes by calling watch, which also
// returns the latest orders: it has those that it has missed.
//
// The form is posted to a route, which calls create_order by RPC. The page changes because of the
// event, not because of the response. The script gives each order an id, so that a form that is
// sent twice creates one order. Without JavaScript it is an ordinary form.
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
// The board keeps no orders, and config.yaml joins the hubs of its processes. So any number of them
// may run, on several machines or behind one address. One process handles each event, and the
// clients of all processes receive it:
//
//	$ gomeko broker
//	$ gomeko run ./examples/orders ./examples/orders/users --http 8010
//	$ gomeko run ./examples/board --config examples/board/config.yaml --http 8000
//	$ gomeko run ./examples/board --config examples/board/config.yaml --http 8001
//
// Each command has a terminal. Post an order to one process, and see it on a page of the other. If
// you stop a process, its pages reconnect. With RabbitMQ you do not need gomeko broker.
//
// Several processes on one port are one command:
//
//	$ gomeko run ./examples/board --config examples/board/config.yaml --procs 4
package board
