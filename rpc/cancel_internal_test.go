package rpc

import (
	"context"
	"log/slog"
	"strconv"
	"testing"

	"github.com/gomeko/gomeko/transport"
)

// The number of cancellations that are kept is bounded.
func TestCancelsKept(t *testing.T) {
	c := newCancels(slog.New(slog.DiscardHandler))
	delivery := func(id string) *transport.Delivery {
		return &transport.Delivery{Properties: transport.Properties{ReplyTo: "me", CorrelationID: id}}
	}
	for i := range 3 * earlyKept {
		c.cancel(requestID{"me", strconv.Itoa(i)})
		c.cancel(requestID{"me", strconv.Itoa(i)})
	}
	if len(c.early) != earlyKept || len(c.order) != earlyKept {
		t.Errorf("got %d and %d cancellations kept, want %d", len(c.early), len(c.order), earlyKept)
	}
	for id, want := range map[string]error{"0": nil, strconv.Itoa(3*earlyKept - 1): errCancelled} {
		ctx, r := c.begin(t.Context(), delivery(id))
		if got := context.Cause(ctx); got != want {
			t.Errorf("got %v for request %s, want %v", got, id, want)
		}
		r.end()
	}

	// A request that is delivered again while it still runs is its own.
	_, first := c.begin(t.Context(), delivery("again"))
	ctx, second := c.begin(t.Context(), delivery("again"))
	first.end()
	c.cancel(requestID{"me", "again"})
	if got := context.Cause(ctx); got != errCancelled {
		t.Errorf("got %v, want %v", got, errCancelled)
	}
	second.end()
	if len(c.running) != 0 {
		t.Errorf("got %d requests that run, want none", len(c.running))
	}
	if ctx, r := c.begin(t.Context(), &transport.Delivery{}); ctx != t.Context() {
		t.Error("got a ctx of its own for a request that nobody can cancel")
		r.end()
	}
}
