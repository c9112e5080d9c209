// Package prices shows the three ways to use events: a service that dispatches them, a pool in
// which one process handles each event, and a cache that every process updates.
//
//	gomeko run ./examples/prices
//
//	$ gomeko call prices.change product=tea cents=120
//	null
//	$ gomeko call catalog.price product=tea
//	120
//
// The shell, or a program that hosts no services, can dispatch events on behalf of a service:
//
//	>>> n.dispatch_event("prices", "price_changed", {"product": "tea", "cents": 90})
//
//	conn, err := transport.Dial(ctx, transport.Config{URI: uri})
//	…
//	err = events.NewDispatcher(conn, "prices")(ctx, "price_changed", prices.Changed{Product: "tea", Cents: 90})
package prices
