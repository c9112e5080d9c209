// Package prometheus serves metrics for Prometheus: those of the calls of all services in a
// process, of its connections to the broker, of timers, of websockets and of the Go runtime.
//
//	runner.Main(orders.Module, prometheus.Module(prometheus.Config{}))
//
// with an admin address in the configuration file:
//
//	gomeko:
//	  admin: 127.0.0.1:9090
//
// Then:
//
//	$ curl -s 127.0.0.1:9090/metrics | grep gomeko_calls_total
//	gomeko_calls_total{kind="rpc",method="get_order",outcome="ok",service="orders"} 4711
//	…
//
// The page docs/operating.md of the repository says what each metric means, and what to do about
// it. docs/grafana.json is a dashboard, and docs/alerts.yml has alerts.
//
// # Series
//
// Metrics of calls have the labels service, method and kind (the package of the row: rpc, events,
// messaging, timer or web), and outcome (see [service.Outcome]). The labels are made from the table
// of rows when the process starts. Nothing that a call comes with becomes a label, so the number of
// series is known: for each row about 25, and for each outcome that has happened the buckets of a
// histogram ([Config].Buckets).
//
// The counters of all rows and outcomes exist from the start, with 0, so that the first failure
// raises a rate.
package prometheus
