package messaging_test

import (
	"context"
	"encoding/json"
	"runtime"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/messaging"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Leaver ends its goroutine when a message tells it to.
type Leaver struct {
	_ service.Name `service:"leaver"`

	Entrypoints struct {
		Take messaging.Consumer `messaging:"leaver"`
	}

	taken chan string
}

// A leave is a payload that may end the goroutine that decodes it.
type leave string

func (l *leave) UnmarshalJSON(text []byte) error {
	if err := json.Unmarshal(text, (*string)(l)); err != nil {
		return err
	}
	if *l == "decoding" {
		runtime.Goexit()
	}
	return nil
}

func (l *Leaver) Take(_ context.Context, at leave) error {
	if at == "running" {
		runtime.Goexit()
	}
	l.taken <- string(at)
	return nil
}

// A message whose handler ends its goroutine is settled and logged, and its worker is freed.
func TestExit(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		l := &Leaver{taken: make(chan string, 1)}
		p := host(t, service.Config{MaxWorkers: 2}, transport.Config{URI: uri}, l)
		if err := p.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		ch := brokertest.Channel(t, uri)
		for _, at := range []string{"running", "decoding", "running", "decoding", "running", "end"} {
			body, _ := json.Marshal(at)
			if err := ch.PublishWithContext(t.Context(), "", "leaver", true, false, amqp.Publishing{ContentType: "application/json", Body: body}); err != nil {
				t.Fatal(err)
			}
		}
		if got := hosttest.Receive(t, "the last message", l.taken); got != "end" {
			t.Errorf("got %q, want the last message", got)
		}
		p.Log.Wait(t, 3, "level=ERROR", "call failed", service.ErrExited.Error())
		p.Log.Wait(t, 2, "level=ERROR", "message dropped", service.ErrExited.Error())
		hosttest.Close(t, p.Stop)
		if n := brokertest.Depth(t, uri, "leaver"); n != 0 {
			t.Errorf("got %d messages in the queue, want 0", n)
		}
	})
}
