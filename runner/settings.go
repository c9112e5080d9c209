package runner

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"os"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/codec/msgpack"
	"github.com/gomeko/gomeko/config"
	"github.com/gomeko/gomeko/events"
	"github.com/gomeko/gomeko/messaging"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
	"github.com/gomeko/gomeko/web"
)

const (
	defaultURI    = "amqp://guest:guest@localhost:5672/"
	brokerAddress = "127.0.0.1:5672"
)

// settings are the configuration, in the form that the packages of services take.
type settings struct {
	cfg        *config.Config
	web        web.Config     // the key gomeko.web
	brokerKeys brokerSettings // the key gomeko.broker
	jobsKeys   jobsSettings   // the key gomeko.jobs
	panelKeys  panelSettings  // the key gomeko.panel
	file       string         // "" is none
}

// load reads a configuration file. If file is "", every key has its default.
func load(file string) (*settings, error) {
	s := &settings{file: file}
	var err error
	if file == "" {
		s.cfg, err = config.Parse(nil, os.LookupEnv)
	} else {
		s.cfg, err = config.Load(file, config.Section{Key: "web", Into: &s.web}, config.Section{Key: "broker", Into: &s.brokerKeys},
			config.Section{Key: "jobs", Into: &s.jobsKeys}, config.Section{Key: "panel", Into: &s.panelKeys})
	}
	if err != nil || s.cfg.Retry == "" {
		return s, err
	}
	if _, err = service.ParseLadder(s.cfg.Retry); err != nil {
		err = fmt.Errorf("%s: gomeko.%w", file, err)
	}
	return s, err
}

// brokerURI returns the URI of the broker: named, from a flag or a field of Config, else the
// AMQP_URI of the file, else that of the environment, else "".
func (s *settings) brokerURI(named string) string {
	if named == embeddedBroker {
		named = ""
	}
	return cmp.Or(named, s.cfg.AMQPURI, os.Getenv("AMQP_URI"))
}

// transport returns the configuration of connections to the broker at uri, without login.
func (s *settings) transport(uri string) transport.Config {
	broker := transport.Config{
		URI:           uri,
		Heartbeat:     s.cfg.Heartbeat,
		TopologyCheck: s.cfg.TopologyCheck,
		MaxMessage:    s.cfg.MaxMessage,
		MaxDecoded:    s.cfg.MaxDecoded,
		CompressOver:  s.cfg.CompressOver,
		Codec:         s.serializer(s.cfg.Serializer),
	}
	accept := s.cfg.Accept
	if accept == nil {
		accept = []string{"json", "msgpack"}
	}
	for _, name := range accept {
		broker.Accept = append(broker.Accept, s.serializer(name))
	}
	return broker
}

// login adds login and TLS to the configuration of connections. An embedded broker needs neither.
func (s *settings) login(broker *transport.Config) (err error) {
	broker.LoginMethod = s.cfg.LoginMethod
	broker.TLS, err = transport.ReadTLS(s.cfg.AMQPSSL)
	if broker.TLS != nil {
		broker.RenewTLS = func() (*tls.Config, error) { return transport.ReadTLS(s.cfg.AMQPSSL) }
	}
	return err
}

// serializer returns the codec that has the name in Nameko.
func (s *settings) serializer(name string) codec.Codec {
	switch {
	case name == "msgpack":
		return s.nils(msgpack.Codec)
	case s.cfg.TypedJSON:
		return s.nils(codec.TypedJSON)
	}
	return s.nils(codec.JSON)
}

// nils applies the configured rule for nil slices and maps to c.
func (s *settings) nils(c codec.Codec) codec.Codec {
	if s.cfg.NilAsNull {
		return codec.NilAsNull(c)
	}
	return c
}

func (s *settings) rpc() rpc.Config {
	return rpc.Config{
		Exchange: s.cfg.Exchange, Timeout: s.cfg.RPCTimeout,
		StreamParts: s.cfg.StreamParts, StreamBytes: s.cfg.StreamBytes, StreamIdle: s.cfg.StreamIdle,
	}
}

func (s *settings) messaging() messaging.Config {
	return messaging.Config{
		Retry: s.cfg.Retry, DelayLength: s.cfg.DelayLength, DeadSize: s.cfg.DeadSize, DeadKeep: s.cfg.DeadKeep, PauseAfter: s.cfg.PauseAfter,
	}
}

func (s *settings) events() events.Config {
	return events.Config{
		Identity:   s.cfg.BroadcastIdentity,
		AutoDelete: s.cfg.AutoDeleteEvents,
		Undeclared: !s.cfg.DeclareEvents,
	}
}
