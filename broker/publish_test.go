package broker_test

import (
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/broker"
	"github.com/gomeko/gomeko/internal/hosttest"
)

func TestMandatory(t *testing.T) {
	ch := open(t, start(t, broker.Config{}))
	returns := ch.NotifyReturn(make(chan amqp.Return, 1))
	if err := ch.Confirm(false); err != nil {
		t.Fatal(err)
	}
	for _, mandatory := range []bool{false, true} {
		msg := amqp.Publishing{CorrelationId: "id", Body: []byte("body")}
		confirm, err := ch.PublishWithDeferredConfirmWithContext(t.Context(), "amq.topic", "nobody", mandatory, false, msg)
		if err != nil {
			t.Fatal(err)
		}
		if !confirm.Wait() {
			t.Error("the publishing was refused")
		}
		if !mandatory {
			continue
		}
		select {
		case r := <-returns:
			if r.ReplyCode != 312 || r.ReplyText != "NO_ROUTE" || r.Exchange != "amq.topic" || r.RoutingKey != "nobody" ||
				r.CorrelationId != "id" || string(r.Body) != "body" {
				t.Errorf("got %+v", r)
			}
		default:
			t.Error("the confirm came before the return")
		}
	}
}

func TestConfirms(t *testing.T) {
	ch := open(t, start(t, broker.Config{}))
	q := declare(t, ch)
	publish(t, ch, q, "before") // not counted
	if err := ch.Confirm(false); err != nil {
		t.Fatal(err)
	}
	const count = 500
	confirms := ch.NotifyPublish(make(chan amqp.Confirmation, count))
	for range count {
		publish(t, ch, q, "message")
	}
	for want := range uint64(count) {
		if c := hosttest.Next(t, confirms); c.DeliveryTag != want+1 || !c.Ack {
			t.Fatalf("got %+v, want an ack of %d", c, want+1)
		}
	}
}

func TestMaxMessage(t *testing.T) {
	b := start(t, broker.Config{MaxMessage: 1 << 20})
	conn := dial(t, b)
	ch := channel(t, conn)
	q := declare(t, ch)
	for size, want := range map[int]string{
		1 << 20:   "",
		1<<20 + 1: "PRECONDITION_FAILED - message size 1048577 is larger than configured max size 1048576",
	} {
		ch := channel(t, conn)
		end := ch.NotifyClose(make(chan *amqp.Error, 1))
		if err := ch.PublishWithContext(t.Context(), "", q, false, false, amqp.Publishing{Body: make([]byte, size)}); err != nil {
			t.Fatal(err)
		}
		if want == "" {
			continue
		}
		if got := hosttest.Next(t, end); got.Code != 406 || got.Reason != want {
			t.Errorf("got %d %s, want 406 %s", got.Code, got.Reason, want)
		}
	}
	got := expect(t, consume(t, ch, q), string(make([]byte, 1<<20)))
	got[0].Ack(false)
}
