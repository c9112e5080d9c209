package rpc_test

import (
	"context"
	"strings"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
)

// Sleeper runs one call at a time.
type Sleeper struct {
	_ service.Name `service:"sleeper"`

	Entrypoints struct {
		Sleep rpc.Method `rpc:"sleep(n)" max_workers:"1"`
	}

	begun, end chan struct{}
}

func (s *Sleeper) Sleep(ctx context.Context, n any) error {
	s.begun <- struct{}{}
	select {
	case <-s.end:
	case <-ctx.Done():
	}
	return nil
}

// A body over max_message is answered at once, so it does not take up memory while it waits for a
// worker.
func TestOversizeDoesNotWait(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		s := &Sleeper{begun: make(chan struct{}, 1), end: make(chan struct{})}
		start(t, uri, s)
		peer := newPeer(t, uri)
		send := func(body string) {
			peer.publish("sleeper.sleep", amqp.Publishing{ContentType: "application/json", ReplyTo: replyKey, Body: []byte(body)})
		}
		send(`{"args": [1], "kwargs": {}}`)
		hosttest.Receive(t, "the call", s.begun)
		send(`{"args": ["` + strings.Repeat("x", maxMessage) + `"], "kwargs": {}}`)
		if got := string(hosttest.Next(t, peer.replies).Body); !strings.Contains(got, "MalformedRequest") || !strings.Contains(got, "max_message") {
			t.Errorf("got the reply %s, want MalformedRequest", got)
		}
		close(s.end)
		if got := string(hosttest.Next(t, peer.replies).Body); !strings.Contains(got, `"error": null`) && !strings.Contains(got, `"error":null`) {
			t.Errorf("got the reply %s, want that of the call", got)
		}
	})
}
