package statsd

import (
	"errors"
	"net"
	"time"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/config"
	"github.com/gomeko/gomeko/service"
)

// DefaultFlush is how long a packet waits at most until it is full.
const DefaultFlush = time.Second

// A Config says where metrics are sent to. The zero value sends nothing.
type Config struct {
	// Address is the host:port of StatsD. Without it nothing is sent.
	Address string `yaml:"address"`

	// Prefix begins the names of all metrics, as in "shop.". The default is none.
	Prefix string `yaml:"prefix"`

	// Tags sends service, method, kind and outcome as tags, which DogStatsD, Telegraf and
	// statsd_exporter read. Without it they are part of the names, as StatsD requires.
	Tags bool `yaml:"tags"`

	// Flush is how long a packet waits at most until it is full. The default is [DefaultFlush].
	Flush time.Duration `yaml:"flush" config:"positive"`
}

// Validate reports an address that cannot be one, and a prefix that StatsD would misread.
func (c Config) Validate() error {
	var address, prefix error
	if c.Address != "" {
		if _, port, err := net.SplitHostPort(c.Address); err != nil || port == "" {
			address = errors.New("address: must be host:port, as in localhost:8125, not " + c.Address)
		}
	}
	if clean(c.Prefix) != c.Prefix {
		prefix = errors.New("prefix: must not have spaces or any of : | @ # , ;")
	}
	return errors.Join(address, prefix)
}

// Module sends the metrics of the calls of all services in the process, and those of the fields of
// type [Client], to StatsD. The key statsd of the configuration file says where it is; what the
// file does not say is in defaults. Add it once to a process:
//
//	runner.Main(orders.Module, statsd.Module(statsd.Config{Prefix: "shop."}))
//
// Without an address in either nothing is sent, and nothing is done in a call.
func Module(defaults Config) fx.Option {
	return fx.Module("statsd",
		config.Provide("statsd", defaults),
		service.Configure[Config](),
		service.Configure[service.Extension](observe),
	)
}
