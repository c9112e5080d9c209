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

// A tap is one that leaves out what our processes tell one another, and may find no broker.
type tap struct {
	brokertest.Tap
	away atomic.Bool
}

// Dial is a transport.Config.Dial.
func (p *tap) Dial(ctx context.Context, addr string) (net.Conn, error) {
	if p.away.Load() {
		return nil, errors.New("the broker is away")
	}
	return p.Tap.Dial(ctx, addr)
}

type published = brokertest.Published

func (p *tap) published(t *testing.T) []published {
	t.Helper()
	return slices.DeleteFunc(p.Published(t), func(p published) bool { return p.Exchange == "gomeko.control" })
}
