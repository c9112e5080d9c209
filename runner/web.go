package runner

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"

	"github.com/gomeko/gomeko/config"
	"github.com/gomeko/gomeko/web"
)

// webConfig returns how the routes are served, if there are any.
func (p *process) webConfig() (web.Config, error) {
	c := p.cfg.Web
	made := web.Config{
		Address:       p.cfg.WebAddress,
		Listen:        p.listen,
		H2C:           c.H2C,
		HeaderTimeout: c.HeaderTimeout,
		ReadTimeout:   c.ReadTimeout,
		WriteTimeout:  c.WriteTimeout,
		IdleTimeout:   c.IdleTimeout,
		MaxHeader:     c.MaxHeader,
		MaxBody:       int64(c.MaxBody),
		DrainDelay:    c.DrainDelay,
		ReadyPath:     c.ReadyPath,
		NoAccessLog:   c.NoAccessLog,
		Timeout:       c.Timeout,
		MaxWaiting:    c.MaxWaiting,
		Sockets: web.Sockets{
			Origins:    c.SocketOrigins,
			MaxFrame:   c.SocketMaxFrame,
			Queue:      c.SocketQueue,
			DropEvents: c.SocketDropEvents,
			Ping:       c.SocketPing,
			Idle:       c.SocketIdle,
		},
	}
	if c.CertFile == "" {
		return made, nil
	}
	pair, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
	if err != nil {
		return made, fmt.Errorf("gomeko.web: %w: want a certificate and its key, in PEM", err)
	}
	made.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	return made, nil
}

// listen is a web.Config's Listen that notes where that is.
func (p *process) listen(ctx context.Context, address string) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%w: free the address, or set WEB_SERVER_ADDRESS to another", err)
	}
	p.web = webURL(p.cfg.Web, address, l.Addr())
	return l, nil
}

// webURL is what clients of the routes write: the host of the address that was asked for, and the port that is bound.
func webURL(c config.Web, address string, bound net.Addr) string {
	scheme := "http://"
	if c.CertFile != "" {
		scheme = "https://"
	}
	host, _, err := net.SplitHostPort(address)
	_, port, portErr := net.SplitHostPort(bound.String())
	if err != nil || portErr != nil {
		return scheme + bound.String()
	}
	return scheme + net.JoinHostPort(host, port)
}
