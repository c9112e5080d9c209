package prometheus

import (
	"errors"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.uber.org/fx"

	"github.com/gomeko/gomeko/admin"
	"github.com/gomeko/gomeko/config"
	"github.com/gomeko/gomeko/service"
)

// DefaultBuckets are the upper bounds of the buckets of all histograms, in seconds: from a call
// that only reads memory to one that exceeds the default time limit of RPC.
var DefaultBuckets = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}

// A Config says how metrics are served. The zero value serves them on the admin address only.
type Config struct {
	// Path also serves the metrics on the port of the routes, as in "/metrics". Whoever reaches the
	// routes can read them then. The default is none.
	Path string `yaml:"path"`

	// Buckets are the upper bounds of the buckets of the histograms, in seconds. The default is
	// DefaultBuckets. Each bucket is a series for each row and outcome.
	Buckets []float64 `yaml:"buckets"`
}

// Validate reports a path that is not one, and buckets that do not grow.
func (c Config) Validate() error {
	var path, buckets error
	if c.Path != "" && !strings.HasPrefix(c.Path, "/") {
		path = errors.New(`path: must begin with a slash, as in "/metrics"`)
	}
	last := 0.0
	for _, bound := range c.Buckets {
		if !(bound > last) {
			buckets = errors.New("buckets: must be positive numbers of seconds, each larger than the one before")
		}
		last = bound
	}
	return errors.Join(path, buckets)
}

// Module serves the metrics of all services in the process under /metrics of the admin address
// (gomeko.admin in the configuration file, see package admin). The key prometheus of the file has
// the keys of [Config]; what the file does not say is in defaults. Add it once to a process:
//
//	runner.Main(orders.Module, prometheus.Module(prometheus.Config{}))
//
// It provides the application with a prometheus.Registerer of client_golang, for the user's own
// metrics.
func Module(defaults Config) fx.Option {
	return fx.Module("prometheus",
		config.Provide("prometheus", defaults),
		fx.Provide(newRegistry, newMetrics, (*metrics).observer, (*metrics).path, (*metrics).extension, fx.Private),
		fx.Provide(func(r *prometheus.Registry) prometheus.Registerer { return r }),
		service.Configure[service.Observer](),
		service.Configure[admin.Handler](),
		service.Configure[service.Extension](), // serves Config.Path
		service.Configure[service.Extension](admin.Serve),
		fx.Invoke(func(life fx.Lifecycle, m *metrics) { life.Append(fx.StartHook(m.warn)) }),
	)
}

// newRegistry returns a registry with the metrics of the Go runtime and of the process.
func newRegistry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		collectors.NewBuildInfoCollector(),
	)
	return r
}
