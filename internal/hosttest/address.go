package hosttest

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
)

// FreeAddress returns an address of 127.0.0.1 on which nothing listens. Another process may take it
// before the test does, so prefer port 0, or a [Port], if the listener reports its address.
func FreeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// A Port listens on a free port of 127.0.0.1, regardless of the address that a server is configured
// with.
type Port struct{ address atomic.Value }

// Listen can be used as web.Config.Listen.
func (p *Port) Listen(ctx context.Context, _ string) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err == nil {
		p.address.Store(l.Addr().String())
	}
	return l, err
}

// Address returns the host and port of the latest call of Listen.
func (p *Port) Address() string {
	address, _ := p.address.Load().(string)
	return address
}
