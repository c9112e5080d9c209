// Package prices is Nameko's documentation on events as an application: a service that dispatches, a pool that does something
// about each event once, and a cache in every process that has to hear of all of them.
//
//	gomeko run ./examples/prices
//
//	$ gomeko call prices.change product=tea cents=120
//	null
//	$ gomeko call catalog.price product=tea
//	120
//
// The shell, or a program that hosts no services, dispatches in the name of one:
//
//	>>> n.dispatch_event("prices", "price_changed", {"product": "tea", "cents": 90})
//
//	conn, err := transport.Dial(ctx, transport.Config{URI: uri})
//	…
//	err = events.NewDispatcher(conn, "prices")(ctx, "price_changed", prices.Changed{Product: "tea", Cents: 90})
package prices
