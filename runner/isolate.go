package runner

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"net"
	"os"
	"sync"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/internal/isolate"
	"github.com/gomeko/gomeko/internal/secret"
	"github.com/gomeko/gomeko/service"
)

// isolation returns the extension that runs isolated methods in child processes, which run this
// program with the same command line. It is nil in a test binary, because a child would run the
// tests again.
func (p *process) isolation() service.Extension {
	if flag.Lookup("test.v") != nil {
		return func(*service.Host) error { return nil }
	}
	return isolate.Serve(isolate.Config{Args: p.args, Broker: func() string {
		switch {
		case p.host != nil:
			return p.uri
		case p.parent != nil:
			return p.parent.Broker
		}
		return ""
	}})
}

// runChild runs methods for the parent process until the parent ends. It runs the services' Start,
// hooks and dependencies, but starts none of their entrypoints.
func (p *process) runChild(ctx context.Context, opts []fx.Option) error {
	err := p.serveChild(ctx, opts)
	if err != nil {
		p.child.Fail(errors.New(secret.Mask(err.Error())))
		return errShown // by the parent
	}
	return nil
}

func (p *process) serveChild(ctx context.Context, opts []fx.Option) error {
	p.notices = notices{log: p.child.Logger()}
	p.instance, p.only = p.child.Instance, []string{}
	p.broker = cmp.Or(p.child.Broker, p.broker)
	if err := p.bind(opts); err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, startTime+p.cfg.WaitForBroker)
	defer cancel()
	if err := p.container.Start(limited); err != nil {
		return err
	}
	err := p.child.Serve(p.container)
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.cfg.Grace)
	defer cancel()
	return errors.Join(err, p.container.Stop(grace))
}

// childArguments returns the arguments of a program that has its own main function.
func childArguments() []string { return os.Args[1:] }

// A deaf is a listener that accepts nothing. A child that publishes to a hub serves no HTTP.
type deaf struct {
	closed chan struct{}
	once   sync.Once
}

func listenDeaf(context.Context, string) (net.Listener, error) {
	return &deaf{closed: make(chan struct{})}, nil
}

func (d *deaf) Accept() (net.Conn, error) {
	<-d.closed
	return nil, net.ErrClosed
}

func (d *deaf) Close() error {
	d.once.Do(func() { close(d.closed) })
	return nil
}

// Addr returns an address without a port.
func (d *deaf) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }
