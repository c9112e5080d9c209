package runner

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/web"
)

// An httpFlag is the flag --http: host:port, or only a port.
type httpFlag string

func (f *httpFlag) String() string { return string(*f) }

func (f *httpFlag) Type() string { return "ADDRESS" }

func (f *httpFlag) Set(text string) error {
	port := text
	if _, after, err := net.SplitHostPort(text); err == nil {
		port = after
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return errors.New("must be host:port or a port")
	}
	*f = httpFlag(text)
	return nil
}

// addHTTP adds the flag --http to a command that runs services.
func (c *command) addHTTP(cmd *cobra.Command) {
	cmd.Flags().Var((*httpFlag)(&c.http), "http", "`ADDRESS` to serve HTTP on: host:port or a port (default: WEB_SERVER_ADDRESS of the configuration, else 0.0.0.0:8000)")
}

// webConfig returns the configuration of HTTP: gomeko.web and WEB_SERVER_ADDRESS.
func (p *process) webConfig() web.Config {
	c := p.web
	c.Address = p.cfg.WebAddress
	c.Listen = p.listen
	if p.child != nil {
		c.Listen = listenDeaf
	}
	c.Codec = p.nils(codec.BrowserJSON)
	return c
}

// listen is the Listen of a web.Config. It records the URL, which is printed at start.
func (p *process) listen(ctx context.Context, address string) (net.Listener, error) {
	open := new(net.ListenConfig).Listen
	if p.parent != nil {
		open = p.parent.Listen
	}
	l, err := open(ctx, "tcp", address)
	if err != nil {
		elsewhere := "set WEB_SERVER_ADDRESS to another address in the configuration file"
		if p.lines != nil {
			elsewhere = "name another address with --http ADDRESS, or as WEB_SERVER_ADDRESS in the configuration file"
		}
		return nil, fmt.Errorf("%w: %s%s", err, elsewhere, stopOther(err))
	}
	p.routes = webURL(p.web, address, l.Addr())
	return l, nil
}

// stopOther returns the alternative remedy if the address is in use.
func stopOther(err error) string {
	if errors.Is(err, syscall.EADDRINUSE) {
		return ", or stop the program that uses this one"
	}
	return ""
}

// webURL returns the URL of the routes, with the host of the configured address and the port that
// was bound.
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
