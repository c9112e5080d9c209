package web

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// Config says how the HTTP server of a process is run. Extensions find it in service.Config.Values. The zero value works.
type Config struct {
	// Address is where the server listens (Nameko's WEB_SERVER_ADDRESS): host:port, or a port alone. Port 0 is any that is
	// free. "" is 0.0.0.0:8000, as in Nameko.
	Address string

	// Listen opens the listener at the address; nil listens by TCP. Who starts the server on port 0 learns the port here.
	Listen func(ctx context.Context, address string) (net.Listener, error)

	TLS *tls.Config // with a certificate in it: HTTPS, by HTTP/2 where the client can; nil is HTTP
	H2C bool        // HTTP/2 without TLS too, for clients that know of it

	HeaderTimeout time.Duration // for the headers of a request to come; 0 is 10 s
	ReadTimeout   time.Duration // for its body to come; 0 is a minute
	WriteTimeout  time.Duration // for each part of an answer to be taken; 0 is a minute
	IdleTimeout   time.Duration // between the requests of a connection; 0 is two minutes

	// Timeout is how long a call, by HTTP or by websocket, may wait for a worker and, unless its row has a timeout, run: then it
	// is answered 503. 0 is a minute, negative is no limit. A method that writes its answer itself, and a result that is a
	// stream, last as long as they do, from when they begin.
	Timeout time.Duration

	// MaxWaiting is how many requests of a service may be under way beside those that have its workers: they wait for one, or have
	// lent theirs while they wait for another service. One more is answered 503 with Retry-After. 0 is 10 for each worker.
	MaxWaiting int

	MaxHeader int   // the headers of a request in bytes; 0 is 64 KiB
	MaxBody   int64 // its body; 0 is 16 MiB

	// DrainDelay is how long a server that is to stop still takes connections, each for one request: the time in which
	// those who send requests hear that it goes. 0 is none.
	DrainDelay time.Duration

	// ReadyPath is a path, such as /ready, where load balancers ask whether to send requests here: it is answered 200, and 503 from
	// when the server is to stop. "" is none.
	ReadyPath string

	Sockets Sockets // how websockets are served

	// NoAccessLog leaves out the line on each request, at INFO.
	NoAccessLog bool
}

const (
	defaultAddress       = "0.0.0.0:8000"
	defaultHeaderTimeout = 10 * time.Second
	defaultTimeout       = time.Minute
	defaultIdleTimeout   = 2 * time.Minute
	defaultMaxHeader     = 64 << 10
	defaultMaxBody       = 16 << 20
)

func (c Config) readTimeout() time.Duration  { return cmp.Or(c.ReadTimeout, defaultTimeout) }
func (c Config) writeTimeout() time.Duration { return cmp.Or(c.WriteTimeout, defaultTimeout) }
func (c Config) timeout() time.Duration      { return max(0, cmp.Or(c.Timeout, defaultTimeout)) }
func (c Config) maxBody() int64              { return cmp.Or(c.MaxBody, defaultMaxBody) }

// check returns what is wrong with the configuration.
func (c Config) check() error {
	var mistakes []error
	for _, d := range []struct {
		name string
		time time.Duration
	}{
		{"HeaderTimeout", c.HeaderTimeout}, {"ReadTimeout", c.ReadTimeout}, {"WriteTimeout", c.WriteTimeout},
		{"IdleTimeout", c.IdleTimeout}, {"DrainDelay", c.DrainDelay},
	} {
		if d.time < 0 {
			mistakes = append(mistakes, fmt.Errorf("web.Config: %s is %s: leave it 0 for its default", d.name, d.time))
		}
	}
	if c.MaxHeader < 0 || c.MaxBody < 0 || c.MaxWaiting < 0 {
		mistakes = append(mistakes, errors.New("web.Config: MaxHeader, MaxBody and MaxWaiting are not negative: leave them 0 for their defaults"))
	}
	return errors.Join(append(mistakes, c.Sockets.mistakes())...)
}

// address is Address with a host, as Nameko reads it.
func (c Config) address() string {
	address := cmp.Or(c.Address, defaultAddress)
	if _, _, err := net.SplitHostPort(address); err != nil {
		return net.JoinHostPort("0.0.0.0", address)
	}
	return address
}

func (c Config) listen(ctx context.Context) (net.Listener, error) {
	if c.Listen != nil {
		return c.Listen(ctx, c.address())
	}
	return new(net.ListenConfig).Listen(ctx, "tcp", c.address())
}

// server returns net/http's server, as configured. It has no ReadTimeout and no WriteTimeout: these would run on while a
// method does, and end streams.
func (c Config) server() *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(c.TLS != nil)
	protocols.SetUnencryptedHTTP2(c.H2C)
	return &http.Server{
		TLSConfig:         c.TLS,
		Protocols:         protocols,
		ReadHeaderTimeout: cmp.Or(c.HeaderTimeout, defaultHeaderTimeout),
		IdleTimeout:       cmp.Or(c.IdleTimeout, defaultIdleTimeout),
		MaxHeaderBytes:    cmp.Or(c.MaxHeader, defaultMaxHeader),
	}
}
