package brokertest

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/gomeko/gomeko/broker"
)

// Embedded returns the URI of a new embedded broker on a free port of 127.0.0.1. The broker logs to
// the test's output, and is stopped when the test ends.
func Embedded(t testing.TB) string {
	t.Helper()
	_, uri := embedded(t)
	return uri
}

func embedded(t testing.TB) (b *broker.Broker, uri string) {
	t.Helper()
	b = broker.New(broker.Config{Logger: slog.New(slog.NewTextHandler(t.Output(), nil))})
	addr, err := b.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := b.Close(ctx); err != nil {
			t.Errorf("the embedded broker did not end in a minute: %v", err)
		}
	})
	return b, "amqp://guest:guest@" + addr.String() + "/"
}
