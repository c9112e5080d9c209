package messaging_test

import (
	"context"
	"fmt"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/messaging"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Asking has one worker, and waits for calls of its own service.
type Asking struct {
	_ service.Name `service:"asking"`

	Entrypoints struct {
		Ask    messaging.Consumer `messaging:"questions"`
		Answer rpc.Method         `rpc:"answer(question)"`
	}

	Self rpc.Client `rpc:"asking"`

	heard chan string
}

func (a *Asking) Ask(ctx context.Context, question string) error {
	var answer string
	err := a.Self.Call(ctx, "answer", &answer, question)
	a.heard <- fmt.Sprint(answer, err)
	return err
}

func (a *Asking) Answer(_ context.Context, question string) (string, error) {
	return question + "!", nil
}

// TestLent has methods wait for calls of their own service: they lend their workers, so that with
// one worker every message is handled.
func TestLent(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		heard := make(chan string, 20)
		p := host(t, service.Config{MaxWorkers: 1}, transport.Config{URI: uri}, &Asking{heard: heard})
		if err := p.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		peer := brokertest.Channel(t, uri)
		for range 20 {
			if err := peer.PublishWithContext(t.Context(), "", "questions", true, false, amqp.Publishing{Body: []byte(`"so"`)}); err != nil {
				t.Fatal(err)
			}
		}
		for range 20 {
			if got := hosttest.Receive(t, "an answer", heard); got != "so!<nil>" {
				t.Fatalf("got %s", got)
			}
		}
	})
}

// Narrow has a row that runs one call at a time.
type Narrow struct {
	_ service.Name `service:"narrow"`

	Entrypoints struct {
		One  messaging.Consumer `messaging:"one" max_workers:"1" method:"On"`
		Wide messaging.Consumer `messaging:"wide" max_workers:"50" method:"On"`
	}

	listener
}

// TestPrefetch expects that a row holds as many messages as it can run, so that other processes get
// the rest.
func TestPrefetch(t *testing.T) {
	uri := brokertest.Embedded(t)
	p := start(t, uri, &Narrow{})
	got := p.tap.Declarations(t)
	for _, want := range []string{"basic.qos 1", "basic.qos 10"} {
		if !got[want] {
			t.Errorf("got %v, want %s in it", got, want)
		}
	}
}
