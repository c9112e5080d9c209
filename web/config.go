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

// Config configures the HTTP server of a process. Its zero value works. In a configuration file,
// the fields with a yaml tag are set under gomeko.web; docs/configuration.md lists the keys.
type Config struct {
	// Address is where the server listens: host:port, or a port alone. Port 0 is any free port. The
	// default is 0.0.0.0:8000, as in Nameko. A configuration file sets it with WEB_SERVER_ADDRESS.
	Address string `yaml:"-"`

	// Listen opens the listener for an address. The default listens on TCP. A test that uses port 0
	// can find the actual port here.
	Listen func(ctx context.Context, address string) (net.Listener, error) `yaml:"-"`

	// Codec encodes results, and events of hubs, for clients. The default is [codec.BrowserJSON].
	Codec codec.Codec `yaml:"-"`

	// HeaderTimeout limits the time to read a request's headers; the default is 10 s.
	HeaderTimeout time.Duration `yaml:"header_timeout"`

	// ReadTimeout limits the time to read a request's body; the default is 1 minute.
	ReadTimeout time.Duration `yaml:"read_timeout"`

	// WriteTimeout limits the time that a client takes to receive one part of a response, such as a
	// chunk of a stream; the default is 1 minute.
	WriteTimeout time.Duration `yaml:"write_timeout"`

	// IdleTimeout limits how long a connection is kept open between two requests; the default is 2
	// minutes.
	IdleTimeout time.Duration `yaml:"idle_timeout"`

	// Timeout limits a call over HTTP or websocket, including its wait for a worker; a row's
	// timeout tag overrides it. A call that exceeds it is answered with 503. The default is 1
	// minute; a negative value means no limit. Once the response has begun, it does not apply to a
	// method that writes its own response or to a result that is a stream.
	Timeout time.Duration `yaml:"timeout" config:"none"`

	// MaxWaiting limits how many requests of a service wait for a worker, or, having lent their
	// worker, for another service. Further requests are answered with 503 and Retry-After. The
	// default is 10 for each worker.
	MaxWaiting int `yaml:"max_waiting" config:"positive"`

	// MaxHeader limits the size of a request's headers in bytes; the default is 64 KiB.
	MaxHeader int `yaml:"max_header" config:"positive"`

	// MaxBody limits the size of a request's body in bytes; the default is 16 MiB.
	MaxBody int64 `yaml:"max_body" config:"positive"`

	// MaxDecoded limits the memory in bytes that the decoded body of one request, or one frame,
	// takes: a small body can decode to gigabytes. A request that exceeds it is answered with 413.
	// The default is 8 times MaxBody, and at least 1 MiB.
	MaxDecoded int64 `yaml:"max_decoded" config:"positive"`

	// MaxInFlight limits the memory in bytes that the requests and responses of all clients take:
	// bodies and frames that are being read or whose calls run, and responses that clients have not
	// received yet. When it is reached, clients that take longer than 5 s are disconnected, and
	// further requests are answered with 503 and Retry-After. The first 4 KiB of each request and
	// response are not counted, nor is what a method reads or writes itself. The default is four
	// times MaxBody, and at least 64 MiB.
	MaxInFlight int64 `yaml:"max_in_flight" config:"positive"`

	// MaxConnections limits the open connections, not counting websockets and clients of feeds.
	// When a connection exceeds it, an idle one is closed, or the new one if none is idle. The
	// default is 4096.
	MaxConnections int `yaml:"max_connections" config:"positive"`

	// DrainDelay is how long the server keeps accepting connections after a stop has begun, to give
	// load balancers time to notice. Each of these connections serves one request. The default is
	// 0.
	DrainDelay time.Duration `yaml:"drain_delay"`

	// LivePath is a path for liveness checks, such as /live. It is answered with 200 as long as the
	// process can answer; nothing outside the process is checked. The default is none.
	LivePath string `yaml:"live_path" config:"nonempty"`

	// ReadyPath is a path for readiness checks, such as /ready. It is answered with 200, or with
	// 503 and the reason while the process is starting or stopping, while a dependency is failing
	// ([service.HealthChecker]), and while the broker has been unreachable for longer than
	// ReadyGrace. The default is none. See [ServeReady] for a process without routes.
	ReadyPath string `yaml:"ready_path" config:"nonempty"`

	// ReadyGrace is how long the broker may be unreachable before ReadyPath is answered with 503.
	// The default is 1 minute; a negative value ignores the broker.
	ReadyGrace time.Duration `yaml:"ready_grace" config:"none"`

	// H2C enables HTTP/2 without TLS, in addition to HTTP/1.1.
	H2C bool `yaml:"h2c"`

	// TLSCert and TLSKey are PEM files with the certificate chain and the private key for HTTPS.
	// They are read again when they change; if the new pair is unusable, that is logged and the old
	// pair stays in use. The default is no TLS.
	TLSCert string `yaml:"tls_cert" config:"nonempty"`
	TLSKey  string `yaml:"tls_key" config:"nonempty"`

	// TLS enables HTTPS with certificates that are not in files. It replaces TLSCert and TLSKey.
	TLS *tls.Config `yaml:"-"`

	// NoAccessLog disables the log line for each request. A configuration file does so with
	// access_log: false.
	NoAccessLog bool `yaml:"access_log" config:"inverted"`

	// Hub says which clients a [Hub] and a [Feed] reach: with "process", those of this process;
	// with "fleet", those of all processes of the fleet, through the broker. The default is
	// "process".
	Hub string `yaml:"hub" config:"nonempty"`

	// Sockets configures websockets.
	Sockets Sockets `yaml:",inline"`

	// Feeds configures feeds.
	Feeds Feeds `yaml:",inline"`
}

// Values of [Config].Hub.
const (
	hubProcess = "process"
	hubFleet   = "fleet"
)

// Feeds configures the [Feed] rows of a process, and the events that a hub keeps for clients that
// return. Its zero value works. The limits on kept events are shared: channels are spread over
// 4,096 buckets by a hash.
type Feeds struct {
	// Max limits the clients that listen at the same time. Further ones are answered with 503 and
	// Retry-After. The default is 10,000. [Config].MaxConnections does not count them.
	Max int `yaml:"max_feeds" config:"positive"`

	// MaxChannels limits the channels of one client. A client that asks for more is answered with
	// 403. The default is 100.
	MaxChannels int `yaml:"feed_max_channels" config:"positive"`

	// Queue limits the bytes that wait to be sent to one client. If an event does not fit, the
	// client is disconnected, and gets the event when it returns. A client that has missed more
	// than this gets a reset. The default is 1 MiB. [Sockets].MaxQueued limits the bytes for all
	// clients.
	Queue int `yaml:"feed_queue" config:"positive"`

	// Window limits how many of a bucket's latest events are kept for clients that return. The
	// default is 1,000.
	Window int `yaml:"feed_window" config:"positive"`

	// WindowBytes limits the bytes of all kept events. The default is 64 MiB.
	WindowBytes int `yaml:"feed_window_bytes" config:"positive"`

	// Wait is how long a poll waits for an event. The default is 25 s, which is below the usual
	// timeouts of proxies.
	Wait time.Duration `yaml:"feed_wait"`

	// Ping is the interval of the comments that keep a stream open. The default is 15 s; a negative
	// value disables them.
	Ping time.Duration `yaml:"feed_ping" config:"none"`
}

// Sockets configures the websockets of a process. Its zero value works.
type Sockets struct {
	// Origins lists origins, such as "https://app.example.org", whose pages may open websockets in
	// addition to pages from the server's own host; "*" allows all. A server that listens on
	// loopback accepts only localhost and addresses such as 127.0.0.1 as its own host. Requests
	// without an Origin header do not come from browsers and are allowed.
	Origins []string `yaml:"socket_origins" config:"nonempty"`

	// Max limits the open sockets. Further ones are refused with 503. The default is 10,000.
	Max int `yaml:"max_sockets" config:"positive"`

	// MaxChannels limits the channels of one socket. Beyond it, [Hub].Subscribe returns
	// [ErrTooManyChannels]. The default is 1,000.
	MaxChannels int `yaml:"socket_max_channels" config:"positive"`

	// MaxQueued limits the bytes that wait to be sent to all sockets together. An event on a
	// channel counts once. When the limit is reached, clients that have not read a frame for 5 s
	// are disconnected, and an event on a channel closes the sockets that have not read the
	// previous event, as with Queue. If there is no room for a result, the client gets an error
	// instead; if there is no room for an event to one socket, that socket is closed with 1013. The
	// default is 64 MiB.
	MaxQueued int `yaml:"socket_max_queued" config:"positive"`

	// MaxFrame limits the size of a client's frame in bytes. A larger frame closes the socket with
	// 1009. The default is 1 MiB.
	MaxFrame int `yaml:"socket_max_frame" config:"positive"`

	// Queue limits the bytes that wait to be sent to one socket. If a result does not fit, it
	// waits, and delays the socket's further requests. If an event does not fit, the socket is
	// closed with 1008. The default is 1 MiB.
	Queue int `yaml:"socket_queue" config:"positive"`

	// DropEvents keeps the socket open when an event does not fit into Queue, and drops the oldest
	// waiting events instead.
	DropEvents bool `yaml:"socket_drop_events"`

	// Ping is the time between pings. If nothing arrives from a socket for twice that time, not
	// even a pong, it is disconnected. The default is 30 s; a negative value disables pings.
	Ping time.Duration `yaml:"socket_ping" config:"none"`

	// Idle is how long a socket may go without requests and events before it is closed with 1001.
	// It is checked at every ping. The default is no limit.
	Idle time.Duration `yaml:"socket_idle"`
}

// waitingPerWorker is the default of MaxWaiting, per worker.
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
// gomeko.web, and the server calls it when it is created.
func (c Config) Validate() error { return errors.Join(c.mistakes("")...) }

// mistakes returns all mistakes, each prefixed with prefix.
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

// listen opens the listener. If the address is only a port, the host is 0.0.0.0, as in Nameko.
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

// server returns the configured http.Server. ReadTimeout and WriteTimeout are not set, because they
// also count while a method runs, and would end streams.
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
