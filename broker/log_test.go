package broker_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/broker"
	"github.com/gomeko/gomeko/internal/hosttest"
)

// A passive declare asks whether something exists, so a no is not logged as a client's mistake.
func TestLogOfClosedChannels(t *testing.T) {
	missing := map[string]struct {
		do   func(*amqp.Channel) error
		want bool // a warning
	}{
		"passive queue.declare": {func(ch *amqp.Channel) error {
			_, err := ch.QueueDeclarePassive("none", true, false, false, false, nil)
			return err
		}, false},
		"passive exchange.declare": {func(ch *amqp.Channel) error {
			return ch.ExchangeDeclarePassive("none", "topic", true, false, false, false, nil)
		}, false},
		"basic.consume": {func(ch *amqp.Channel) error {
			_, err := ch.Consume("none", "", false, false, false, false, nil)
			return err
		}, true},
		"queue.bind": {func(ch *amqp.Channel) error { return ch.QueueBind("none", "", "amq.topic", false, nil) }, true},
	}
	for name, test := range missing {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer // written to before the client has its answer
			b := start(t, broker.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
			if err := test.do(open(t, b)); err == nil {
				t.Fatal("got no error")
			}
			hosttest.Close(t, b.Close)
			if got := strings.Contains(log.String(), "closing a channel"); got != test.want {
				t.Errorf("got a warning: %v, want %v: %s", got, test.want, &log)
			}
		})
	}
}
