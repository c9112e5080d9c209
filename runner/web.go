package runner

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/web"
)

// webConfig returns the configuration of HTTP: gomeko.web and WEB_SERVER_ADDRESS.
func (p *process) webConfig() web.Config {
	c := p.web
	c.Address = p.cfg.WebAddress
	c.Listen = p.listen
	c.Codec = p.nils(codec.BrowserJSON)
	return c
}

// listen is a web.Config's Listen that notes the URL, which the start prints.
func (p *process) listen(ctx context.Context, address string) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%w: set WEB_SERVER_ADDRESS to another address in the configuration file%s", err, stopOther(err))
	}
	p.routes = webURL(p.web, address, l.Addr())
	return l, nil
}

// stopOther returns the other remedy if the address is in use.
func stopOther(err error) string {
	if errors.Is(err, syscall.EADDRINUSE) {
		return ", or stop the program that uses this one"
	}
	return ""
}

// webURL returns the URL of the routes: with the host of the configured address, and the port that
// is bound.
func webURL(c web.Config, address string, bound net.Addr) string {
	scheme := "http://"
	if c.TLSCert != "" {
		scheme = "https://"
	}
	host, _, err := net.SplitHostPort(address)
	_, port, portErr := net.SplitHostPort(bound.String())
	if err != nil || portErr != nil {
		return scheme + bound.String()
	}
	return scheme + net.JoinHostPort(host, port)
}
