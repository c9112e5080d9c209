package web

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/internal/certificate"
)

// Config configures the HTTP server of a process. Its zero value works. The keys under gomeko.web
// of a configuration file are the fields with a yaml tag; docs/configuration.md lists them.
type Config struct {
	// Address is where the server listens: host:port, or a port alone. Port 0 is any free port. The
	// default is 0.0.0.0:8000, as in Nameko. A configuration file sets it with WEB_SERVER_ADDRESS.
	Address string `yaml:"-"`

	// Listen opens the listener for an address. The default listens on TCP. A test that uses port 0
	// learns the port here.
	Listen func(ctx context.Context, address string) (net.Listener, error) `yaml:"-"`

	// Codec encodes results, and events of hubs, for clients. The default is [codec.BrowserJSON].
	Codec codec.Codec `yaml:"-"`

	// HeaderTimeout limits the time to read a request's headers; the default is 10 s.
	HeaderTimeout time.Duration `yaml:"header_timeout"`

	// ReadTimeout limits the time to read a request's body; the default is 1 minute.
	ReadTimeout time.Duration `yaml:"read_timeout"`

	// WriteTimeout limits the time that a client takes to receive one part of a response, such as
	// one chunk of a stream; the default is 1 minute.
	WriteTimeout time.Duration `yaml:"write_timeout"`

	// IdleTimeout is how long a connection is kept open between two requests; the default is 2
	// minutes.
	IdleTimeout time.Duration `yaml:"idle_timeout"`

	// Timeout limits a call by HTTP or websocket, including its wait for a worker; a row's timeout
	// tag replaces it. A call over the limit is answered with 503. The default is 1 minute; a
	// negative value is no limit. A method that writes its own response, and a result that is a
	// stream, are exempt once they begin.
	Timeout time.Duration `yaml:"timeout" config:"none"`

	// MaxWaiting limits how many requests of a service wait for a worker, or for another service
	// after lending their worker. A further request is answered with 503 and Retry-After. The
	// default is 10 for each worker.
	MaxWaiting int `yaml:"max_waiting" config:"positive"`

	// MaxHeader limits the size of a request's headers in bytes; the default is 64 KiB.
	MaxHeader int `yaml:"max_header" config:"positive"`

	// MaxBody limits the size of a request's body in bytes; the default is 16 MiB.
	MaxBody int64 `yaml:"max_body" config:"positive"`

	// MaxDecoded limits the memory that the body of one request, or one frame, takes when it is
	// decoded, in bytes: a small body can take gigabytes. A request over it is answered with 413.
	// The default is 8 times MaxBody, and at least 1 MiB.
	MaxDecoded int64 `yaml:"max_decoded" config:"positive"`

	// MaxInFlight limits the bytes of requests and responses in memory, of all clients together:
	// the bodies and frames that are being read or whose calls run, and the responses that clients
	// have not received yet. When it is reached, clients that take longer than 5 s are cut off, and
	// a further request is answered with 503 and Retry-After. The first 4 KiB of each are not
	// counted, nor is what a method reads or writes itself. The default is four times MaxBody, and
	// at least 64 MiB.
	MaxInFlight int64 `yaml:"max_in_flight" config:"positive"`

	// MaxConnections limits the open connections without a websocket. For a further one an idle
	// connection is closed, or the new one if none is idle. The default is 4096.
	MaxConnections int `yaml:"max_connections" config:"positive"`

	// DrainDelay is how long the server keeps accepting connections after a stop began, so that
	// load balancers notice it. Each such connection serves one request. The default is 0.
	DrainDelay time.Duration `yaml:"drain_delay"`

	// LivePath is a path such as /live, which is answered with 200 while the process answers at
	// all. Nothing outside of the process is asked. The default is none.
	LivePath string `yaml:"live_path" config:"nonempty"`

	// ReadyPath is a path for health checks, such as /ready. It is answered with 200, and with 503
	// and the reason while the process is starting or stopping, while a dependency is failing
	// ([service.HealthChecker]), and while the broker has been away for longer than ReadyGrace. The
	// default is none. See [ServeReady] for a process without routes.
	ReadyPath string `yaml:"ready_path" config:"nonempty"`

	// ReadyGrace is how long the broker may be away before ReadyPath is answered with 503. The
	// default is 1 minute; a negative value ignores the broker.
	ReadyGrace time.Duration `yaml:"ready_grace" config:"none"`

	// H2C enables HTTP/2 without TLS, beside HTTP/1.1.
	H2C bool `yaml:"h2c"`

	// TLSCert and TLSKey are PEM files with the certificate chain and the private key for HTTPS.
	// They are read again when they change; a new pair that cannot be used is logged, and the old
	// one stays in use. The default is HTTP.
	TLSCert string `yaml:"tls_cert" config:"nonempty"`
	TLSKey  string `yaml:"tls_key" config:"nonempty"`

	// TLS enables HTTPS in place of TLSCert and TLSKey, for certificates that are not in files.
	TLS *tls.Config `yaml:"-"`

	// NoAccessLog disables the log line for each request. In a configuration file this is
	// access_log: false.
	NoAccessLog bool `yaml:"access_log" config:"inverted"`

	// Hub is "fleet" if [Hub] and [Feed] reach the clients of all processes of the fleet, by the
	// broker. The default is "process": those of this process.
	Hub string `yaml:"hub" config:"nonempty"`

	// Sockets configures websockets.
	Sockets Sockets `yaml:",inline"`

	// Feeds configures feeds.
	Feeds Feeds `yaml:",inline"`
}

// The values of [Config].Hub.
const (
	hubProcess = "process"
	hubFleet   = "fleet"
)

// Feeds configures the rows [Feed] of a process, and what a hub keeps for clients that return. Its
// zero value works. Channels share what is kept: they are spread over 4,096 buckets by a hash.
type Feeds struct {
	// Max limits the clients that listen at once. A further one is answered with 503 and
	// Retry-After. The default is 10,000. [Config].MaxConnections does not count them.
	Max int `yaml:"max_feeds" config:"positive"`

	// MaxChannels limits the channels of one client: one with more is answered with 403. The
	// default is 100.
	MaxChannels int `yaml:"feed_max_channels" config:"positive"`

	// Queue limits the bytes that wait to be sent to one client. If an event does not fit, the
	// client is disconnected; it returns, and gets the event then. One that has missed more than
	// this gets a reset. The default is 1 MiB. [Sockets].MaxQueued limits those of all clients.
	Queue int `yaml:"feed_queue" config:"positive"`

	// Window is how many of the latest events of a bucket are kept, for clients that return. The
	// default is 1,000.
	Window int `yaml:"feed_window" config:"positive"`

	// WindowBytes limits the bytes of all events that are kept. The default is 64 MiB.
	WindowBytes int `yaml:"feed_window_bytes" config:"positive"`

	// Wait is how long a poll waits for an event. The default is 25 s, which proxies allow.
	Wait time.Duration `yaml:"feed_wait"`

	// Ping is the time between the comments that keep a stream open. The default is 15 s; a
	// negative value disables them.
	Ping time.Duration `yaml:"feed_ping" config:"none"`
}

// Sockets configures the websockets of a process. Its zero value works.
type Sockets struct {
	// Origins are the origins, such as "https://app.example.org", whose pages may open websockets
	// in addition to pages from the server's own host; "*" allows all. A server on loopback takes
	// only localhost and addresses such as 127.0.0.1 for its own host. Clients that send no Origin
	// header are not browsers, and are allowed.
	Origins []string `yaml:"socket_origins" config:"nonempty"`

	// Max limits the open sockets. A further one is refused with 503. The default is 10,000.
	Max int `yaml:"max_sockets" config:"positive"`

	// MaxChannels limits the channels of one socket: [Hub].Subscribe returns [ErrTooManyChannels].
	// The default is 1,000.
	MaxChannels int `yaml:"socket_max_channels" config:"positive"`

	// MaxQueued limits the bytes that wait to be sent to all sockets together. An event on a
	// channel counts once. When it is reached, clients that have not read a frame for 5 s are
	// disconnected, and an event on a channel closes the sockets that have not read the one before,
	// as with Queue. If there is no room for a result, it is answered with an error, and for an
	// event to one socket, the socket is closed with 1013. The default is 64 MiB.
	MaxQueued int `yaml:"socket_max_queued" config:"positive"`

	// MaxFrame limits the size of a client's frame in bytes. A larger frame closes the socket with
	// 1009. The default is 1 MiB.
	MaxFrame int `yaml:"socket_max_frame" config:"positive"`

	// Queue limits the bytes that wait to be sent to one socket. A result that does not fit waits,
	// and with it the socket's further requests. An event that does not fit closes the socket with
	// 1008. The default is 1 MiB.
	Queue int `yaml:"socket_queue" config:"positive"`

	// DropEvents drops the oldest waiting events when an event does not fit into Queue, and keeps
	// the socket open.
	DropEvents bool `yaml:"socket_drop_events"`

	// Ping is the time between pings. A socket from which nothing arrives for twice that time, not
	// even a pong, is disconnected. The default is 30 s; a negative value disables pings.
	Ping time.Duration `yaml:"socket_ping" config:"none"`

	// Idle is how long a socket may go without a request and an event before it is closed with
	// 1001. It is checked at every ping. The default is no limit.
	Idle time.Duration `yaml:"socket_idle"`
}

// waitingPerWorker is the default of MaxWaiting for each worker.
const waitingPerWorker = 10

// withDefaults returns c with its defaults filled in, except for MaxWaiting, which depends on the
// service.
func (c Config) withDefaults() Config {
	c.Address = cmp.Or(c.Address, "0.0.0.0:8000")
	c.Codec = cmp.Or[codec.Codec](c.Codec, codec.BrowserJSON)
	c.HeaderTimeout = cmp.Or(c.HeaderTimeout, 10*time.Second)
	c.ReadTimeout = cmp.Or(c.ReadTimeout, time.Minute)
	c.WriteTimeout = cmp.Or(c.WriteTimeout, time.Minute)
	c.IdleTimeout = cmp.Or(c.IdleTimeout, 2*time.Minute)
	c.Timeout = cmp.Or(c.Timeout, time.Minute)
	c.ReadyGrace = cmp.Or(c.ReadyGrace, time.Minute)
	c.MaxHeader = cmp.Or(c.MaxHeader, 64<<10)
	c.MaxBody = cmp.Or(c.MaxBody, 16<<20)
	c.MaxDecoded = cmp.Or(c.MaxDecoded, max(1<<20, 8*c.MaxBody))
	c.MaxInFlight = cmp.Or(c.MaxInFlight, max(64<<20, 4*c.MaxBody))
	c.MaxConnections = cmp.Or(c.MaxConnections, 4096)
	c.Hub = cmp.Or(c.Hub, hubProcess)
	c.Sockets.Max = cmp.Or(c.Sockets.Max, 10_000)
	c.Sockets.MaxChannels = cmp.Or(c.Sockets.MaxChannels, 1000)
	c.Sockets.MaxQueued = cmp.Or(c.Sockets.MaxQueued, 64<<20)
	c.Sockets.MaxFrame = cmp.Or(c.Sockets.MaxFrame, 1<<20)
	c.Sockets.Queue = cmp.Or(c.Sockets.Queue, 1<<20)
	c.Sockets.Ping = cmp.Or(c.Sockets.Ping, 30*time.Second)
	c.Feeds = c.Feeds.withDefaults()
	return c
}

// withDefaults returns f with its defaults filled in.
func (f Feeds) withDefaults() Feeds {
	f.Max = cmp.Or(f.Max, 10_000)
	f.MaxChannels = cmp.Or(f.MaxChannels, 100)
	f.Queue = cmp.Or(f.Queue, 1<<20)
	f.Window = cmp.Or(f.Window, 1000)
	f.WindowBytes = cmp.Or(f.WindowBytes, 64<<20)
	f.Wait = cmp.Or(f.Wait, 25*time.Second)
	f.Ping = cmp.Or(f.Ping, 15*time.Second)
	return f
}

// Validate returns all mistakes in the configuration, joined. Package config calls it for
// gomeko.web, and the server when it is made.
func (c Config) Validate() error { return errors.Join(c.mistakes("")...) }

// mistakes returns all mistakes, each with the prefix.
func (c Config) mistakes(prefix string) (mistakes []error) {
	add := func(format string, args ...any) {
		mistakes = append(mistakes, fmt.Errorf(prefix+format, args...))
	}
	for _, field := range []struct {
		name  string
		value int64
	}{
		{"HeaderTimeout", int64(c.HeaderTimeout)}, {"ReadTimeout", int64(c.ReadTimeout)},
		{"WriteTimeout", int64(c.WriteTimeout)}, {"IdleTimeout", int64(c.IdleTimeout)},
		{"MaxWaiting", int64(c.MaxWaiting)}, {"MaxHeader", int64(c.MaxHeader)}, {"MaxBody", c.MaxBody}, {"MaxDecoded", c.MaxDecoded},
		{"MaxInFlight", c.MaxInFlight}, {"MaxConnections", int64(c.MaxConnections)},
		{"Sockets.Max", int64(c.Sockets.Max)}, {"Sockets.MaxChannels", int64(c.Sockets.MaxChannels)},
		{"Sockets.MaxQueued", int64(c.Sockets.MaxQueued)},
		{"DrainDelay", int64(c.DrainDelay)}, {"Sockets.MaxFrame", int64(c.Sockets.MaxFrame)},
		{"Sockets.Queue", int64(c.Sockets.Queue)}, {"Sockets.Idle", int64(c.Sockets.Idle)},
		{"Feeds.Max", int64(c.Feeds.Max)}, {"Feeds.MaxChannels", int64(c.Feeds.MaxChannels)},
		{"Feeds.Queue", int64(c.Feeds.Queue)}, {"Feeds.Window", int64(c.Feeds.Window)},
		{"Feeds.WindowBytes", int64(c.Feeds.WindowBytes)}, {"Feeds.Wait", int64(c.Feeds.Wait)},
	} {
		if field.value < 0 {
			add("%s must not be negative: leave it 0 for the default", field.name)
		}
	}
	if c.Hub != "" && c.Hub != hubProcess && c.Hub != hubFleet {
		add("Hub %q is not known: write %s for the clients of all processes, or %s for those of this one", c.Hub, hubFleet, hubProcess)
	}
	if c.ReadyPath != "" && !strings.HasPrefix(c.ReadyPath, "/") {
		add("ReadyPath %q must begin with a slash, such as /ready", c.ReadyPath)
	}
	switch {
	case c.LivePath == "":
	case !strings.HasPrefix(c.LivePath, "/"):
		add("LivePath %q must begin with a slash, such as /live", c.LivePath)
	case c.LivePath == c.ReadyPath:
		add("LivePath and ReadyPath are both %s: an orchestrator would restart a process that only waits for its broker; change one", c.LivePath)
	}
	if c.MaxInFlight > 0 && c.MaxInFlight < cmp.Or(c.MaxBody, 16<<20) {
		add("max_in_flight must not be less than max_body, or no large request is ever served")
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		add("only one of tls_cert and tls_key is set: set both for HTTPS, or neither for HTTP")
	}
	if c.TLSCert != "" && c.TLS != nil {
		add("both TLS and TLSCert are set: remove one")
	}
	for _, origin := range c.Sockets.Origins {
		if u, err := url.Parse(origin); origin != "*" && (err != nil || u.Scheme == "" || u.Host == "" || u.Path != "") {
			add(`%q is not an origin: write scheme and host, as in "https://app.example.org", or "*" for all`, origin)
		}
	}
	return mistakes
}

// listen opens the listener. An address that is a port alone gets the host 0.0.0.0, as in Nameko.
func (c Config) listen(ctx context.Context) (net.Listener, error) {
	address := c.Address
	if _, _, err := net.SplitHostPort(address); err != nil {
		address = net.JoinHostPort("0.0.0.0", address)
	}
	if c.Listen != nil {
		return c.Listen(ctx, address)
	}
	return new(net.ListenConfig).Listen(ctx, "tcp", address)
}

// server returns the configured http.Server. It has no ReadTimeout and no WriteTimeout: those count
// while a method runs, and would end streams.
func (c Config) server(log *slog.Logger) (*http.Server, error) {
	secure := c.TLS
	if c.TLSCert != "" {
		pair, err := certificate.Load(c.TLSCert, c.TLSKey, log)
		if err != nil {
			return nil, fmt.Errorf("%w: tls_cert and tls_key must name PEM files of a certificate and its private key", err)
		}
		secure = &tls.Config{GetCertificate: pair.Get, MinVersion: tls.VersionTLS12}
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(secure != nil)
	protocols.SetUnencryptedHTTP2(c.H2C)
	return &http.Server{
		TLSConfig:         secure,
		Protocols:         protocols,
		ReadHeaderTimeout: c.HeaderTimeout,
		IdleTimeout:       c.IdleTimeout,
		MaxHeaderBytes:    c.MaxHeader,
	}, nil
}
