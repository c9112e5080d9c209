package rpc

import (
	"context"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

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

	// A redelivered request that is still running belongs to the same call.
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

// A cancellation is kept no longer than its request can live.
func TestCancelsAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCancels(slog.New(slog.DiscardHandler))
		for i := range 100 {
			c.cancel(requestID{"me", strconv.Itoa(i)})
		}
		time.Sleep(earlyValid + 1)
		ctx, r := c.begin(t.Context(), &transport.Delivery{Properties: transport.Properties{ReplyTo: "me", CorrelationID: "0"}})
		if ctx.Err() != nil {
			t.Errorf("got a request cancelled by a cancellation that is %s old", earlyValid+1)
		}
		r.end()
		c.cancel(requestID{"me", "new"})
		if len(c.early) != 1 || len(c.order) != 1 {
			t.Errorf("got %d and %d cancellations kept, want 1", len(c.early), len(c.order))
		}
	})
}

// FuzzCancel looks for a cancellation that is kept although no request could match it.
func FuzzCancel(f *testing.F) {
	long := strings.Repeat("A", maxID+1)
	for _, body := range []string{
		`{"reply_to": "me", "correlation_id": "1"}`, `{"reply_to": "me"}`, `{}`, `[]`, ``, `null`, `{"reply_to": "\u00e9", "correlation_id": "\ud800"}`,
		`{"reply_to": "me", "correlation_id": "` + long + `"}`, `{"reply_to": "` + long + `", "correlation_id": "1"}`,
		`{"reply_to": "me", "correlation_id": "1", "more": [` + strings.Repeat("1,", maxIDsBody) + `1]}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		id, err := readCancel(body)
		if err != nil {
			return
		}
		if n, m := len(id.ReplyTo), len(id.CorrelationID); n == 0 || n > maxID || m == 0 || m > maxID || len(body) > maxIDsBody {
			t.Errorf("got ids of %d and %d bytes of a body of %d", n, m, len(body))
		}
	})
}
