// Package statsd sends metrics to StatsD over UDP: those of the calls of all services in a process,
// and those of a service's own.
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
// Each call of a row sends a timer and a counter, named after the service and the method as the
// decorators of Python's statsd package name them: orders.get_order is a timer, and
// orders.get_order_count a counter. A call that fails also counts as orders.get_order_fault,
// _expected, _timeout, _cancelled, _rejected or _stopped (see [service.Outcome]). Further names are
// _wait, a timer of the wait for a worker, if there was one; _retried, _parked and _dropped, for
// messages that fail; and _missed, for ticks of timers. gomeko.broker_disconnects counts the
// connections to the broker that were lost.
//
// With [Config].Tags the names are gomeko.call, gomeko.calls, gomeko.call_wait, gomeko.retries,
// gomeko.dead_letters, gomeko.dropped and gomeko.timer_ticks_missed, and service, method, kind and
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
// Nothing here blocks a call or fails it. Metrics are collected into packets of at most 1,432
// bytes, and a goroutine sends them: when they are full, every second, and at the stop of the
// process. If it cannot keep up, or StatsD cannot be reached, they are dropped; a warning in the
// log says so once a minute.
package statsd
