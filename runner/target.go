package runner

import (
	"cmp"
	"net"
	"net/url"
	"os"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/codec/msgpack"
	"github.com/gomeko/gomeko/config"
	"github.com/gomeko/gomeko/events"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/transport"
)

const (
	defaultURI    = "amqp://guest:guest@localhost:5672/"
	brokerAddress = "127.0.0.1:5672"

	// embeddedBroker is the --broker, or Config.Broker, of a process that hosts one.
	embeddedBroker = "embedded"
)

// brokerURI returns the URI of the broker that somebody has named, else "": named is from a flag or
// a Config, and wins over the configuration and the environment.
func brokerURI(named string, cfg *config.Config) string {
	if named == embeddedBroker {
		named = ""
	}
	return cmp.Or(named, cfg.AMQPURI, os.Getenv("AMQP_URI"))
}

// transportConfig returns how the broker at uri is reached, and what is spoken there.
func transportConfig(uri string, cfg *config.Config) transport.Config {
	broker := transport.Config{URI: uri, Heartbeat: cfg.Heartbeat, MaxMessage: cfg.MaxMessage, Codec: serializer(cfg.Serializer, cfg)}
	for _, name := range cfg.Accept {
		broker.Accept = append(broker.Accept, serializer(name, cfg))
	}
	if cfg.Accept == nil {
		broker.Accept = codec.Set{serializer("json", cfg), serializer("msgpack", cfg)}
	}
	return broker
}

// secure adds how the configuration's broker is logged in to, which is nothing for an embedded one.
func secure(broker *transport.Config, cfg *config.Config) (err error) {
	broker.LoginMethod = cfg.LoginMethod
	broker.TLS, err = transport.ReadTLS(cfg.AMQPSSL)
	return err
}

func rpcConfig(cfg *config.Config) rpc.Config {
	return rpc.Config{Exchange: cfg.Exchange, Timeout: cfg.RPCTimeout}
}

// serializer returns the codec that Nameko calls name.
func serializer(name string, cfg *config.Config) codec.Codec {
	switch {
	case name == "msgpack":
		return msgpack.Codec
	case cfg.TypedJSON:
		return codec.TypedJSON
	}
	return codec.JSON
}

func eventsConfig(cfg *config.Config) events.Config {
	return events.Config{Identity: cfg.BroadcastIdentity, AutoDelete: cfg.AutoDeleteEvents, Undeclared: !cfg.DeclareEvents}
}

// reach returns how the broker is reached that services are on. Its management shows name, with this machine and process.
func (c *command) reach(cfg *config.Config, name string) (transport.Config, error) {
	if c.broker == embeddedBroker {
		return transport.Config{}, usagef("--broker embedded: this command calls services, and an embedded broker has none: " +
			"give the URI of the broker that they use, or omit the flag")
	}
	broker := transportConfig(cmp.Or(brokerURI(c.broker, cfg), defaultURI), cfg)
	broker.Name = name + "@" + instance()
	return broker, secure(&broker, cfg)
}

// embeddedAt returns the URI of a broker that this process hosts in the place of the one at uri: on its port and with its
// user, if that is one of this machine, else the default one.
func embeddedAt(uri string) *url.URL {
	u, err := url.Parse(uri)
	if err != nil || !loopback(u.Hostname()) {
		return &url.URL{Scheme: "amqp", User: url.UserPassword("guest", "guest"), Host: brokerAddress, Path: "/"}
	}
	u.Scheme = "amqp"
	u.Host = net.JoinHostPort("127.0.0.1", cmp.Or(u.Port(), "5672"))
	return u
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
