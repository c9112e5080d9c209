// Package board is a live board: a browser sees orders arrive, whoever makes them, and makes one by a form. The page is plain
// HTML with a small script, and is part of the program.
//
//	gomeko run ./examples/board ./examples/orders ./examples/orders/users
//
// Then open http://localhost:8000 in two windows, or make an order elsewhere:
//
//	$ gomeko call orders.create_order id=a1 user_id=7 product=tea
//
// # How an order comes to the screen
//
// orders dispatches order_created. [Board] listens to it by broadcast, so that every process that serves the board is told, and
// tells its own sockets: those that have called watch, which put them on a channel of the hub, and told them what they
// had missed.
//
// The form is posted to a route, which calls create_order by RPC; its answer is not what changes the page. The script gives
// each order its id, so that a form that is sent twice makes one. Without the script it is an ordinary form.
package board
