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

// DefaultBuckets are the default upper bounds of the histograms' buckets, in seconds. They range
// from a call that only reads memory to one that exceeds the default timeout of RPC.
var DefaultBuckets = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}

// A Config says how metrics are served. The zero value serves them only on the admin address.
type Config struct {
	// Path also serves the metrics on the port of the routes, for example at "/metrics". Anyone who
	// can reach the routes can then read them. By default, they are not served there.
	Path string `yaml:"path"`

	// Buckets are the upper bounds of the histograms' buckets, in seconds. The default is
	// DefaultBuckets. Each bucket adds one series per row and outcome.
	Buckets []float64 `yaml:"buckets"`
}

// Validate returns an error if Path is not a path or Buckets are not in increasing order.
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

// Module serves the metrics of all services in the process at /metrics of the admin address
// (gomeko.admin in the configuration file, see package admin). The key prometheus in the file sets
// the fields of [Config]; defaults applies to those that it leaves out. Add it once to a process:
//
//	runner.Main(orders.Module, prometheus.Module(prometheus.Config{}))
//
// It provides the application with client_golang's prometheus.Registerer, for your own metrics.
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
