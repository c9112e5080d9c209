package broker_test

import (
	"testing"

	"github.com/gomeko/gomeko/broker"
)

func TestAck(t *testing.T) {
	b := start(t, broker.Config{})
	ch := open(t, b)
	q := declare(t, ch)
	publish(t, ch, q, "1", "2", "3", "4")
	got := expect(t, consume(t, ch, q), "1", "2", "3", "4")
	for _, step := range []struct {
		settle func() error
		left   int
	}{
		{func() error { return got[1].Ack(false) }, 3},
		{func() error { return got[2].Ack(true) }, 1},
		{func() error { return got[3].Nack(false, false) }, 0},
	} {
		if err := step.settle(); err != nil {
			t.Fatal(err)
		}
		length(t, ch, q) // the settlement was handled
		if n := b.Messages(); n != step.left {
			t.Errorf("the broker holds %d messages, want %d", n, step.left)
		}
	}
}

// Requeued messages come before later ones, in their old order.
func TestRequeue(t *testing.T) {
	b := start(t, broker.Config{})
	ch := open(t, b)
	q := declare(t, ch)
	publish(t, ch, q, "1", "2", "3", "4", "5", "6")
	taker := channelWithPrefetch(t, b, 4)
	got := expect(t, consume(t, taker, q), "1", "2", "3", "4")
	if err := got[1].Ack(false); err != nil { // delivers 5
		t.Fatal(err)
	}
	if err := taker.Close(); err != nil {
		t.Fatal(err)
	}
	for _, d := range expect(t, consume(t, ch, q), "1", "3", "4", "5", "6") {
		if want := string(d.Body) != "6"; d.Redelivered != want {
			t.Errorf("message %s: redelivered is %v, want %v", d.Body, d.Redelivered, want)
		}
	}
}

func TestNackMultiple(t *testing.T) {
	ch := open(t, start(t, broker.Config{}))
	q := declare(t, ch)
	publish(t, ch, q, "1", "2", "3")
	deliveries := consume(t, ch, q)
	got := expect(t, deliveries, "1", "2", "3")
	if err := got[1].Nack(true, true); err != nil {
		t.Fatal(err)
	}
	expect(t, deliveries, "1", "2")
}

func TestRecover(t *testing.T) {
	ch := open(t, start(t, broker.Config{}))
	q := declare(t, ch)
	publish(t, ch, q, "1", "2", "3")
	deliveries := consume(t, ch, q)
	got := expect(t, deliveries, "1", "2", "3")
	if err := got[1].Ack(false); err != nil {
		t.Fatal(err)
	}
	if err := ch.Recover(true); err != nil {
		t.Fatal(err)
	}
	for _, d := range expect(t, deliveries, "1", "3") {
		if !d.Redelivered {
			t.Errorf("message %s is not marked as redelivered", d.Body)
		}
	}
}
