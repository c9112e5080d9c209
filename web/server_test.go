package web_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"testing"

	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/servicetest"
	"github.com/gomeko/gomeko/web"
)

// Pinged is the service of TestRules.
type Pinged struct {
	_ service.Name `service:"pinged"`

	Entrypoints struct {
		Ping web.Route `web:"GET /ping"`
	}
}

func (*Pinged) Ping(context.Context) (string, error) { return "pong", nil }

// broken is a listener that fails.
type broken struct{ net.Listener }

func (b broken) Accept() (net.Conn, error) { return nil, errors.New("the card is gone") }

// A server whose listener fails ends the services with its error.
func TestAcceptFails(t *testing.T) {
	t.Parallel()
	c, err := service.New(service.Config{Logger: slog.New(slog.DiscardHandler)}, new(Pinged), service.Configure(web.Config{
		Listen: func(ctx context.Context, _ string) (net.Listener, error) {
			l, err := new(hosttest.Port).Listen(ctx, "")
			return broken{l}, err
		},
	}))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(t.Context()); err == nil {
		err = c.Wait()
		if err == nil || err.Error() != "web: the card is gone" {
			t.Errorf("got %v, want what has failed", err)
		}
	}
}

// TestRules checks the rules for all entrypoints.
func TestRules(t *testing.T) {
	var port hosttest.Port
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	servicetest.TestEntrypoint(t, new(Pinged), func(ctx context.Context) error {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://%s/ping", port.Address()), nil)
		if err != nil {
			return err
		}
		answer, err := client.Do(r)
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		if answer.StatusCode >= 300 {
			return fmt.Errorf("status %s", answer.Status)
		}
		return nil
	}, service.Configure(web.Config{Listen: port.Listen}))
}
