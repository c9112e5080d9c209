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
// Whoever has no service to dispatch from does it by hand, here in the shell:
//
//	>>> n.dispatch_event("prices", "price_changed", {"product": "tea", "cents": 90})
package prices
