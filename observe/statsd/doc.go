// Package statsd sends metrics to StatsD over UDP: metrics of the calls of all services in a
// process, and a service's own metrics.
//
//	runner.Main(orders.Module, statsd.Module(statsd.Config{Address: "localhost:8125"}))
//
// or, in the configuration file:
//
//	statsd:
//	  address: localhost:8125
//	  prefix: shop.
//	  tags: true       # for DogStatsD, Telegraf and statsd_exporter
//
// # What is sent
//
// Each call of a row sends a timer and a counter, named after the service and the method like those
// of the decorators in Python's statsd package: orders.get_order is a timer, and
// orders.get_order_count a counter. A failed call also counts as orders.get_order_fault, _expected,
// _timeout, _cancelled, _rejected or _stopped (see [service.Outcome]). Further suffixes are _wait, a
// timer for a call's wait for a worker, if it had to wait; _retried, _parked and _dropped, for
// messages that fail; and _missed, for ticks of timers. gomeko.broker_disconnects counts lost
// connections to the broker.
//
// With [Config].Tags the names are gomeko.call, gomeko.calls, gomeko.call_wait, gomeko.retries,
// gomeko.dead_letters, gomeko.dropped and gomeko.timer_ticks_missed; service, method, kind and
// outcome are tags. Arguments and results are never sent.
//
// # A service's own metrics
//
// A field of type [Client] sends them:
//
//	type Orders struct {
//		_ service.Name `service:"orders"`
//
//		Entrypoints struct {
//			CreateOrder rpc.Method `rpc:"create_order(product, count=1)"`
//		}
//
//		Stats statsd.Client `statsd:""`
//	}
//
//	func (o *Orders) CreateOrder(ctx context.Context, product string, count int) (int, error) {
//		o.Stats.Count("items", int64(count)) // orders.items
//		…
//	}
//
// # What may be lost
//
// Sending metrics never blocks a call or makes it fail. Metrics are collected into packets of at
// most 1,432 bytes. A goroutine sends a packet when it is full, every second, and when the process
// stops. If it cannot keep up, or StatsD is unreachable, metrics are dropped, and the log has a
// warning at most once a minute.
package statsd
