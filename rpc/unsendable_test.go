package rpc_test

import (
	"context"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
)

// Unsendable returns values that cannot be encoded.
type Unsendable struct {
	_ service.Name `service:"unsendable"`

	Entrypoints struct {
		Func   rpc.Method `rpc:"func()"`
		Circle rpc.Method `rpc:"circle()"`
		Large  rpc.Method `rpc:"large()"`
	}
}

func (*Unsendable) Func(context.Context) (any, error) { return func() {}, nil }

func (*Unsendable) Circle(context.Context) (any, error) {
	circle := map[string]any{}
	circle["self"] = circle
	return circle, nil
}

func (*Unsendable) Large(context.Context) (string, error) {
	return strings.Repeat("x", maxMessage+1), nil
}

// TestUnsendableResults checks that a result that cannot be sent becomes an error for the caller,
// and a line in the service's log.
func TestUnsendableResults(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		server := start(t, uri, new(Unsendable))
		client := dial(t, uri, rpc.Config{}, nil).Client("unsendable")
		for _, method := range []string{"func", "circle", "large"} {
			err := client.Call(t.Context(), method, nil)
			if err == nil || !strings.HasPrefix(err.Error(), "UnserializableValueError: ") {
				t.Errorf("%s: got %v, want UnserializableValueError", method, err)
			}
			hosttest.Eventually(t, "the failure is logged", func() bool {
				return len(server.Log.Lines("level=ERROR", "result cannot be sent", "service=unsendable", "method="+method)) == 1
			})
		}
	})
}
