package rpc_test

import (
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// TestDeletedTopology deletes from the broker what calls need. Afterwards calls are answered and
// cancellations arrive again, without a restart and without a reconnect.
func TestDeletedTopology(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		broker := transport.Config{URI: uri, TopologyCheck: 200 * time.Millisecond}
		p := newPatient()
		server := startOn(t, service.Config{MaxWorkers: 10}, broker, p)
		client := dialBroker(t, broker, rpc.Config{Timeout: time.Second}, nil).Client("patient")
		for name, deletion := range map[string]func(ch *amqp.Channel) error{
			"exchange of calls": func(ch *amqp.Channel) error { return ch.ExchangeDelete("nameko-rpc", false, false) },
			"binding":           func(ch *amqp.Channel) error { return ch.QueueUnbind("rpc-patient", "patient.*", "nameko-rpc", nil) },
			"request queue":     func(ch *amqp.Channel) error { _, err := ch.QueueDelete("rpc-patient", false, false, false); return err },
			"control exchange":  func(ch *amqp.Channel) error { return ch.ExchangeDelete("gomeko.control", false, false) },
		} {
			if err := deletion(brokertest.Channel(t, uri)); err != nil {
				t.Fatal(err)
			}
			hosttest.Eventually(t, "calls after the deletion of the "+name, func() bool {
				return client.Call(t.Context(), "nothing", nil) == nil
			})
			hosttest.Eventually(t, "cancellations after the deletion of the "+name, func() bool {
				err := client.Call(rpc.With(t.Context(), rpc.Timeout(time.Second), rpc.Expiration(5*time.Second)), "wait", nil)
				if err == nil {
					t.Error("got no error of a call that never returns")
				}
				select {
				case <-p.Waits:
				case <-time.After(10 * time.Second): // it was cancelled before it began
					return false
				}
				cause := <-p.Ended
				return cause.Error() == "CancelledError: cancelled by the caller"
			})
		}
		if lines := server.Log.Lines("connection to the broker lost"); len(lines) > 0 {
			t.Errorf("got %q, want no reconnect", lines)
		}
	})
}
