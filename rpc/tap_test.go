package rpc_test

import (
	"slices"
	"testing"

	"github.com/gomeko/gomeko/internal/brokertest"
)

// A tap is one that leaves out what our processes tell one another.
type tap struct{ brokertest.Tap }

type published = brokertest.Published

func (p *tap) published(t *testing.T) []published {
	t.Helper()
	return slices.DeleteFunc(p.Published(t), func(p published) bool { return p.Exchange == "gomeko.control" })
}
