// Package prometheus serves metrics for Prometheus. They cover the calls of all services in a
// process, its connections to the broker, timers, websockets and the Go runtime.
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
// The page docs/operating.md of the repository explains each metric and what to do about it.
// docs/grafana.json is a dashboard, and docs/alerts.yml contains alerts.
//
// # Series
//
// Metrics of calls have the labels service, method and kind (the package of the row: rpc, events,
// messaging, timer or web), and outcome (see [service.Outcome]). The labels are made from the table
// of rows when the process starts, never from the content of a call. So the number of series is
// bounded: about 25 for each row, and the buckets of a histogram ([Config].Buckets) for each outcome
// that has happened.
//
// The counters of all rows and outcomes exist from the start with the value 0, so the first failure
// shows in a rate.
package prometheus
