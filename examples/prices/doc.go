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
// Whoever has no service to dispatch from does it by hand, in the shell or in a program:
//
//	>>> n.dispatch_event("prices", "price_changed", {"product": "tea", "cents": 90})
//
//	conn, err := events.Dial(ctx, transport.Config{URI: uri})
//	…
//	err = conn.Dispatcher("prices")(ctx, "price_changed", prices.Changed{Product: "tea", Cents: 90})
package prices
