package rpc_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/gomeko/gomeko/internal/brokertest"
)

// A tap is one that leaves out the messages between our own processes. It may fail to find a
// broker, or stop hearing it.
type tap struct {
	brokertest.Tap
	away atomic.Bool
	deaf atomic.Bool
}

// Dial is a transport.Config.Dial.
func (p *tap) Dial(ctx context.Context, addr string) (net.Conn, error) {
	if p.away.Load() {
		return nil, errors.New("the broker is away")
	}
	conn, err := p.Tap.Dial(ctx, addr)
	return &hearing{conn, &p.deaf}, err
}

// A hearing conn reads on but hears nothing while it is deaf.
type hearing struct {
	net.Conn
	deaf *atomic.Bool
}

func (c *hearing) Read(p []byte) (int, error) {
	for {
		n, err := c.Conn.Read(p)
		if err != nil || !c.deaf.Load() {
			return n, err
		}
	}
}

type published = brokertest.Published

func (p *tap) published(t *testing.T) []published {
	t.Helper()
	return slices.DeleteFunc(p.Published(t), func(p published) bool { return p.Exchange == "gomeko.control" })
}
