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

// A passive declare asks whether something exists, so a negative answer is not logged as a client's
// mistake.
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

// Each line about a connection identifies it.
func TestLogNamesConnections(t *testing.T) {
	var log bytes.Buffer
	b := start(t, broker.Config{
		Users: map[string]string{"ana": "secret"}, VHosts: []string{"shop"},
		Access: map[string]broker.Access{"ana": {VHosts: map[string]broker.Permission{"shop": {}}}},
		Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	addr, err := b.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dial := func(password, vhost string) (*amqp.Connection, error) {
		properties := amqp.NewConnectionProperties()
		properties.SetClientConnectionName("orders@vm1/7")
		return amqp.DialConfig("amqp://ana:"+password+"@"+addr.String(), amqp.Config{Vhost: vhost, Properties: properties})
	}
	for _, try := range [][2]string{{"wrong", "shop"}, {"secret", "/"}, {"secret", "nowhere"}, {"secret", "shop"}} {
		conn, err := dial(try[0], try[1])
		if err != nil {
			continue
		}
		if ch := channel(t, conn); ch.QueueBind("none", "", "amq.topic", false, nil) == nil {
			t.Error("got no error")
		}
		conn.Close()
	}
	hosttest.Close(t, b.Close)
	for msg, want := range map[string][]string{
		"login refused":       {"connection=orders@vm1/7", "user=ana", "peer=127.0.0.1:"},
		"closing a conn":      {"connection=orders@vm1/7", "peer=127.0.0.1:"},
		"connection opened":   {"connection=orders@vm1/7", "user=ana", "vhost=shop", "peer=127.0.0.1:"},
		"closing a channel":   {"connection=orders@vm1/7", "user=ana", "vhost=shop", "peer=127.0.0.1:"},
		"access to vhost '/'": {"connection=orders@vm1/7", "user=ana", "vhost=/", "peer=127.0.0.1:"},
	} {
		found := false
		for line := range strings.Lines(log.String()) {
			if !strings.Contains(line, msg) {
				continue
			}
			found = true
			for _, part := range want {
				if !strings.Contains(line, part) {
					t.Errorf("got %swant in it %s", line, part)
				}
			}
		}
		if !found {
			t.Errorf("no line with %q in\n%s", msg, &log)
		}
	}
}
