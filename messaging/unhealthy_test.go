package messaging_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/messaging"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Cellar uses a dependency, and Attic does not.
type Cellar struct {
	_ service.Name `service:"cellar"`

	Stairs *hosttest.Dependency

	Entrypoints struct {
		Store messaging.Consumer `messaging:"barrels"`
		Watch messaging.Consumer `messaging:"leaks" auto_delete:"true"`
	}

	Got chan string
}

type Attic struct {
	_ service.Name `service:"attic"`

	Entrypoints struct {
		Store messaging.Consumer `messaging:"boxes"`
	}

	Got chan string
}

func (c *Cellar) Store(_ context.Context, barrel string) error { c.Got <- barrel; return nil }
func (c *Cellar) Watch(_ context.Context, leak string) error   { c.Got <- leak; return nil }
func (a *Attic) Store(_ context.Context, box string) error     { a.Got <- box; return nil }

// A failing dependency pauses the rows of the services that use it, except rows whose queues would
// be deleted. The rows resume when it recovers.
func TestPauseUnhealthy(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		stairs, got := new(hosttest.Dependency), make(chan string, 10)
		h := hosttest.Start(t, hosttest.Config{
			Broker:  transport.Config{URI: uri},
			Service: service.Config{PauseUnhealthy: true, HealthInterval: 20 * time.Millisecond},
		}, &Cellar{Stairs: stairs, Got: got}, &Attic{Got: got})
		conn := hosttest.Dial(t, transport.Config{URI: uri})
		send := func(queue string) {
			t.Helper()
			if err := conn.Publish(t.Context(), transport.Publishing{Key: queue, Mandatory: true, Body: fmt.Appendf(nil, "%q", queue)}); err != nil {
				t.Fatal(err)
			}
		}
		stairs.Set(errors.New("broken"))
		hosttest.Eventually(t, "it is paused", func() bool { return len(h.Host().Pauses()) > 0 && h.Host().Health()[0].Failing })
		if all := h.Host().Pauses(); len(all) != 1 || all[0].Queue != "barrels" || strings.Join(all[0].Reasons, " ") != "hosttest.Dependency is failing" {
			t.Errorf("got %+v, want barrels", all)
		}
		hosttest.Eventually(t, "nobody consumes barrels", func() bool {
			_, consumers, err := conn.Inspect(t.Context(), "barrels")
			return err == nil && consumers == 0
		})
		for _, queue := range []string{"barrels", "boxes", "leaks"} {
			send(queue)
		}
		for range 2 {
			if queue := hosttest.Next(t, got); queue == "barrels" {
				t.Error("barrels was consumed during the pause")
			}
		}
		stairs.Set(nil)
		if queue := hosttest.Next(t, got); queue != "barrels" {
			t.Errorf("got %s, want barrels", queue)
		}
		if all := h.Host().Pauses(); len(all) != 0 {
			t.Errorf("got %+v, want no pauses", all)
		}
	})
}
