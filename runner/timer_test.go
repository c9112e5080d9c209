//go:build unix

package runner

import (
	"context"
	"os"
	"strings"
	"testing"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/timer"
)

// Heart is a service that only has a timer.
type Heart struct {
	_ service.Name `service:"heart"`

	Entrypoints struct {
		Beat timer.Interval `timer:"1h"`
	}
}

func (*Heart) Beat(context.Context) error { return nil }

// Services that do not use the broker start without one, and no connection is reported.
func TestNoBrokerNeeded(t *testing.T) {
	t.Setenv("AMQP_URI", "amqp://127.0.0.1:1/") // no broker listens there
	out := &output{on: map[string]func(){"msg=ready": terminate}}
	c := &command{in: os.Stdin, out: out, err: out}
	if status := c.execute(c.program([]fx.Option{service.Provide(new(Heart))}), []string{}); status != 0 {
		t.Errorf("got exit status %d, want 0", status)
	}
	for text, want := range map[string]bool{
		"starting services: heart\n": true, "Connected to": false, "stopping services: heart\n": true,
	} {
		if got := strings.Contains(out.String(), text); got != want {
			t.Errorf("got %q in the output: %v, want %v:\n%s", text, got, want, out)
		}
	}
}
