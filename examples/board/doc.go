// Package board is a page that shows new orders, and has a form to create them. The page is plain
// HTML with a small script, embedded into the program.
//
//	gomeko run ./examples/board ./examples/orders ./examples/orders/users --config examples/board/config.yaml
//
// The configuration keeps the orders in memory, as the board keeps its list. With a database in a
// file, a page would say "None yet" after a restart, and still be told of too many orders.
//
// Open http://localhost:8000 in two windows, or create an order in a terminal:
//
//	$ gomeko call orders.create_order id=a1 user_id=7 product=tea
//
// # How an order reaches the page
//
// The orders service dispatches order_created. [Board] handles the event by broadcast, so that
// every process that serves the page receives it and sends it to its own sockets. A socket
// subscribes by calling watch, which also returns the orders that it has missed.
//
// The form is posted to a route, which calls create_order by RPC. The page changes because of the
// event, not because of the response. The script gives each order an id, so that a form that is
// sent twice creates one order. Without JavaScript it is an ordinary form.
package board
