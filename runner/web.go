package runner

import (
	"context"
	"fmt"
	"net"

	"github.com/gomeko/gomeko/web"
)

// webConfig returns how HTTP is served: as gomeko.web says, at WEB_SERVER_ADDRESS.
func (p *process) webConfig() web.Config {
	c := p.web
	c.Address = p.cfg.WebAddress
	c.Listen = p.listen
	return c
}

// listen is a web.Config's Listen that notes the URL for the message at start.
func (p *process) listen(ctx context.Context, address string) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%w: free the address, or set WEB_SERVER_ADDRESS to another", err)
	}
	p.routes = webURL(p.web, address, l.Addr())
	return l, nil
}

// webURL is the URL of the routes: the host of the address that was asked for, and the port that is bound.
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
