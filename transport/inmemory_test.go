package transport_test

import (
	"strings"
	"testing"

	"github.com/gomeko/gomeko/internal/brokertest"
)

// TestInMemory distinguishes the embedded broker from RabbitMQ, which it claims to be.
func TestInMemory(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		if got, want := dial(t, uri).InMemory(), strings.Contains(t.Name(), "embedded"); got != want {
			t.Errorf("got %t, want %t", got, want)
		}
	})
}
