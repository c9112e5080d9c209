package prometheus

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/gomeko/gomeko/admin"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/web"
)

// metrics are the metrics of a container. Their labels come from the rows only, so the content of a
// call cannot create a series.
type metrics struct {
	cfg      Config
	registry *prometheus.Registry
	host     *service.Host // set by Bound

	calls, stuck, retried, parked, dropped, missed *prometheus.CounterVec
	inFlight, waiting, workers                     *prometheus.GaugeVec
	took, waited                                   *prometheus.HistogramVec

	sent     *prometheus.CounterVec
	sendTook *prometheus.HistogramVec

	connected *prometheus.GaugeVec
	lost      *prometheus.CounterVec
	sockets   prometheus.Gauge

	rows  map[*service.Row]*row // complete when Bound has returned
	sends map[string]*sends     // by kind; complete when newMetrics has returned
}

// The labels of rows, and of a row's calls.
var (
	ofRow  = []string{"service", "method", "kind"}
	ofCall = []string{"service", "method", "kind", "outcome"}
)

func newMetrics(cfg Config, registry *prometheus.Registry) *metrics {
	m := &metrics{cfg: cfg, registry: registry, rows: make(map[*service.Row]*row), sends: make(map[string]*sends)}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
		registry.MustRegister(v)
		return v
	}
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
		registry.MustRegister(v)
		return v
	}
	histogram := func(name, help string, labels ...string) *prometheus.HistogramVec {
		buckets := cfg.Buckets
		if len(buckets) == 0 {
			buckets = DefaultBuckets
		}
		v := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
		registry.MustRegister(v)
		return v
	}

	m.calls = counter("gomeko_calls_total", "Calls that have ended, by how.", ofCall...)
	m.took = histogram("gomeko_call_seconds", "How long calls ran, without the wait for a worker.", ofCall...)
	m.inFlight = gauge("gomeko_calls_in_flight", "Calls that have a worker.", ofRow...)
	m.waiting = gauge("gomeko_calls_waiting", "Calls that wait for a worker.", ofRow...)
	m.waited = histogram("gomeko_call_wait_seconds", "How long calls waited for a worker.", ofRow...)
	m.workers = gauge("gomeko_workers", "How many calls of the row run at once.", ofRow...)
	m.stuck = counter("gomeko_calls_stuck_total", "Methods that still ran 5 s after their call had ended.", ofRow...)
	m.retried = counter("gomeko_retries_total", "Failures after which the message or request is handled again.", ofRow...)
	m.parked = counter("gomeko_dead_letters_total", "Messages and requests that were moved to the queue of dead letters.", ofRow...)
	m.dropped = counter("gomeko_dropped_total", "Messages and requests that failed for the last time and were not kept.", ofRow...)
	m.missed = counter("gomeko_timer_ticks_missed_total", "Ticks of a timer that were skipped because they were late.", "service", "method")

	m.sent = counter("gomeko_sent_total", "Requests, events and messages that were sent, by what became of them.", "kind", "outcome")
	m.sendTook = histogram("gomeko_send_seconds", "How long it took until the reply or the broker's confirm arrived.", "kind")
	for _, kind := range []string{"rpc", "events", "messaging"} {
		m.sends[kind] = &sends{
			ok:     m.sent.WithLabelValues(kind, "ok"),
			failed: m.sent.WithLabelValues(kind, "error"),
			took:   m.sendTook.WithLabelValues(kind),
		}
	}

	m.connected = gauge("gomeko_broker_connected", "Whether the connection to the broker is open: 1 or 0.", "purpose")
	m.lost = counter("gomeko_broker_disconnects_total", "Connections to the broker that were lost.", "purpose")
	m.sockets = gauge("gomeko_sockets", "Websockets that are open.").WithLabelValues()
	return m
}

// observer returns the observer of the container.
func (m *metrics) observer() service.Observer {
	return service.Observer{
		Bound:       m.bound,
		CallBegan:   m.callBegan,
		CallStarted: m.callStarted,
		CallEnded:   m.callEnded,
		CallStuck:   func(_ context.Context, c service.ObservedCall) { m.rows[c.Entry].stuck.Inc() },
		SendEnded:   m.sendEnded,
		Retried:     func(_ context.Context, f service.Failure) { m.rows[f.Entry].retried.Inc() },
		Parked:      func(_ context.Context, f service.Failure) { m.rows[f.Entry].parked.Inc() },
		Dropped:     func(_ context.Context, f service.Failure) { m.rows[f.Entry].dropped.Inc() },
		Connected: func(c service.Connection) {
			m.lost.WithLabelValues(c.Purpose)
			m.connected.WithLabelValues(c.Purpose).Set(1)
		},
		Disconnected: func(c service.Connection) {
			m.connected.WithLabelValues(c.Purpose).Set(0)
			if c.Err != nil {
				m.lost.WithLabelValues(c.Purpose).Inc()
			}
		},
		SocketOpened: func(service.ObservedSocket) { m.sockets.Inc() },
		SocketClosed: func(service.ObservedSocket) { m.sockets.Dec() },
		TicksMissed:  func(r *service.Row, n int) { m.missed.WithLabelValues(r.Service, r.CallName()).Add(float64(n)) },
	}
}

// bound creates the series of all rows with the value 0 before the first call, because a rate is
// wrong if its series begins with the first failure.
func (m *metrics) bound(h *service.Host) {
	m.host = h
	for _, r := range h.Rows() {
		m.rows[r] = m.row(r)
	}
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "gomeko_info", Help: "1, with the name of the instance in logs.", ConstLabels: prometheus.Labels{"process": h.Instance()},
	})
	info.Set(1)
	m.registry.MustRegister(info, dependencies{h}, pauses{h})
	m.state("gomeko_ready", "Whether the process has started, is not stopping, and is connected: 1 or 0.", func() bool {
		return h.Ready(0) == nil
	})
	m.state("gomeko_stopping", "Whether the process is stopping, and waits for its calls: 1 or 0.", func() bool {
		select {
		case <-h.Stopping():
			return true
		default:
			return false
		}
	})
}

// state registers a gauge that is 1 while isSo returns true, otherwise 0.
func (m *metrics) state(name, help string, isSo func() bool) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 {
		if isSo() {
			return 1
		}
		return 0
	}))
}

// dependencies collects the health of dependencies: of values with a Health, by type.
type dependencies struct{ host *service.Host }

var dependency = prometheus.NewDesc("gomeko_dependency_healthy", "Whether the dependency works: 1 or 0.", []string{"dependency"}, nil)

// Describe implements prometheus.Collector.
func (dependencies) Describe(to chan<- *prometheus.Desc) { to <- dependency }

// Collect implements prometheus.Collector.
func (d dependencies) Collect(to chan<- prometheus.Metric) {
	for _, state := range d.host.Health() {
		healthy := 1.0
		if state.Failing {
			healthy = 0
		}
		to <- prometheus.MustNewConstMetric(dependency, prometheus.GaugeValue, healthy, state.Name)
	}
}

// pauses collects which rows are paused. Only the rows of events and messages can be.
type pauses struct{ host *service.Host }

var paused = prometheus.NewDesc("gomeko_row_paused", "Whether the row is paused, and leaves its messages in the queue: 1 or 0.", ofRow, nil)

// Describe implements prometheus.Collector.
func (pauses) Describe(to chan<- *prometheus.Desc) { to <- paused }

// Collect implements prometheus.Collector.
func (p pauses) Collect(to chan<- prometheus.Metric) {
	type name struct{ service, row string }
	now := make(map[name]bool)
	for _, pause := range p.host.Pauses() {
		now[name{pause.Service, pause.Row}] = true
	}
	values := make(map[[3]string]float64) // rows with the same method share a series
	for _, r := range p.host.Rows() {
		if r.Kind() != "events" && r.Kind() != "messaging" {
			continue
		}
		labels := [3]string{r.Service, r.CallName(), r.Kind()}
		values[labels] += 0
		if now[name{r.Service, r.Name}] {
			values[labels] = 1
		}
	}
	for labels, value := range values {
		to <- prometheus.MustNewConstMetric(paused, prometheus.GaugeValue, value, labels[:]...)
	}
}

// A row holds the metrics of a row.
type row struct {
	all    *metrics
	labels []string

	inFlight, waiting               prometheus.Gauge
	waited                          prometheus.Observer
	stuck, retried, parked, dropped prometheus.Counter
	outcomes                        [service.Outcomes]outcome
}

// An outcome holds the metrics for one outcome of a row's calls. Its histogram is created with the
// first such call, except for success, because most outcomes never happen in most rows and a
// histogram is many series.
type outcome struct {
	calls prometheus.Counter
	once  sync.Once
	took  prometheus.Observer
}

func (m *metrics) row(r *service.Row) *row {
	labels := []string{r.Service, r.CallName(), r.Kind()}
	x := &row{
		all:      m,
		labels:   labels,
		inFlight: m.inFlight.WithLabelValues(labels...),
		waiting:  m.waiting.WithLabelValues(labels...),
		waited:   m.waited.WithLabelValues(labels...),
		stuck:    m.stuck.WithLabelValues(labels...),
		retried:  m.retried.WithLabelValues(labels...),
		parked:   m.parked.WithLabelValues(labels...),
		dropped:  m.dropped.WithLabelValues(labels...),
	}
	m.workers.WithLabelValues(labels...).Set(float64(r.Workers()))
	if r.Kind() == "timer" {
		m.missed.WithLabelValues(r.Service, r.CallName())
	}
	for o := range x.outcomes {
		x.outcomes[o].calls = m.calls.WithLabelValues(x.with(service.Outcome(o))...)
	}
	x.histogram(service.OK)
	return x
}

// with returns the labels of a call with the outcome.
func (x *row) with(o service.Outcome) []string {
	return append(x.labels[:len(x.labels):len(x.labels)], o.String())
}

// histogram returns the histogram of the durations of calls with the outcome.
func (x *row) histogram(o service.Outcome) prometheus.Observer {
	of := &x.outcomes[o]
	of.once.Do(func() { of.took = x.all.took.WithLabelValues(x.with(o)...) })
	return of.took
}

func (m *metrics) callBegan(ctx context.Context, c service.ObservedCall) context.Context {
	m.rows[c.Entry].waiting.Inc()
	return ctx
}

func (m *metrics) callStarted(_ context.Context, c service.ObservedCall) {
	x := m.rows[c.Entry]
	x.waiting.Dec()
	x.inFlight.Inc()
	x.waited.Observe(c.Waited.Seconds())
}

func (m *metrics) callEnded(_ context.Context, c service.ObservedCall) {
	x := m.rows[c.Entry]
	x.outcomes[c.Outcome].calls.Inc()
	if !c.Started {
		x.waiting.Dec()
		return
	}
	x.inFlight.Dec()
	x.histogram(c.Outcome).Observe(c.Duration.Seconds())
}

// sends holds the metrics of messages sent, of one kind.
type sends struct {
	ok, failed prometheus.Counter
	took       prometheus.Observer
}

func (m *metrics) sendEnded(_ context.Context, sent service.Message, took time.Duration, err error) {
	x := m.sends[sent.Kind]
	if x == nil {
		return
	}
	x.took.Observe(took.Seconds())
	if err != nil {
		x.failed.Inc()
		return
	}
	x.ok.Inc()
}

// path returns the handler that serves the metrics on the admin address.
func (m *metrics) path() admin.Handler {
	return admin.Handler{Pattern: "GET /metrics", Handler: m.handler()}
}

// handler serves the metrics in the format that the client accepts.
func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		Registry:            m.registry,
		MaxRequestsInFlight: 4,
		EnableOpenMetrics:   true,
	})
}

// warn logs if nothing serves the metrics. In development, that may be intended.
func (m *metrics) warn() {
	if m.cfg.Path == "" && !admin.Opened(m.host) {
		m.host.Logger().Warn("metrics are not served: set gomeko.admin, or path under prometheus, in the configuration file")
	}
}

// extension serves the metrics on the port of the routes, if Config.Path is set.
func (m *metrics) extension() service.Extension {
	return func(h *service.Host) error {
		if m.cfg.Path == "" {
			return nil
		}
		return web.Handle(h, "GET "+m.cfg.Path, m.handler())
	}
}
