package statsd

import (
	"errors"
	"net"
	"time"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/config"
	"github.com/gomeko/gomeko/service"
)

// DefaultFlush is the default of [Config].Flush.
const DefaultFlush = time.Second

// A Config says where metrics are sent. The zero value sends nothing.
type Config struct {
	// Address is the host:port of StatsD. If it is "", nothing is sent.
	Address string `yaml:"address"`

	// Prefix is prepended to the names of all metrics, as in "shop.". The default is "".
	Prefix string `yaml:"prefix"`

	// Tags sends service, method, kind and outcome as tags, which DogStatsD, Telegraf and
	// statsd_exporter understand. Without Tags they are part of the names, as plain StatsD
	// requires.
	Tags bool `yaml:"tags"`

	// Flush limits how long a packet that is not full waits to be sent. The default is
	// [DefaultFlush].
	Flush time.Duration `yaml:"flush" config:"positive"`
}

// Validate returns an error if Address is invalid, or if StatsD would misread Prefix.
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

// Module sends the metrics of the calls of all services in the process, and those of fields of type
// [Client], to StatsD. The key statsd in the configuration file sets the fields of [Config];
// defaults applies to those that it leaves out. Add it once to a process:
//
//	runner.Main(orders.Module, statsd.Module(statsd.Config{Prefix: "shop."}))
//
// If neither sets an address, nothing is sent, and calls have no overhead.
func Module(defaults Config) fx.Option {
	return fx.Module("statsd",
		config.Provide("statsd", defaults),
		service.Configure[Config](),
		service.Configure[service.Extension](observe),
	)
}
