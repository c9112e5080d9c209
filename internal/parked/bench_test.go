package parked_test

import (
	"log/slog"
	"testing"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/deadletter"
	"github.com/gomeko/gomeko/internal/parked"
	"github.com/gomeko/gomeko/transport"
)

// BenchmarkLook looks at 10,000 messages of 1 KiB with a stack, and leaves them in the queue, like
// gomeko dead ls.
func BenchmarkLook(b *testing.B) {
	for name, uri := range map[string]func(testing.TB) string{"embedded": brokertest.Embedded, "rabbitmq": brokertest.RabbitMQ} {
		b.Run(name, func(b *testing.B) {
			c, err := transport.Dial(b.Context(), transport.Config{URI: uri(b), Logger: slog.New(slog.DiscardHandler)})
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close(b.Context())
			var queues deadletter.Queues
			if err := c.Declare(b.Context(), transport.Topology{Queues: []transport.Queue{queues.Dead("q")}}); err != nil {
				b.Fatal(err)
			}
			results := make(chan error, parked.MaxMessages)
			o := deadletter.Original{Queue: "q", Error: "order 17: no table", Stack: string(make([]byte, 2000))}
			for range parked.MaxMessages {
				p := queues.Publishing(&transport.Delivery{Body: make([]byte, 1024)}, o)
				if err := c.Send(b.Context(), p, func(err error) { results <- err }); err != nil {
					b.Fatal(err)
				}
			}
			for range parked.MaxMessages {
				if err := <-results; err != nil {
					b.Fatal(err)
				}
			}
			d, err := parked.Open(b.Context(), c, "q")
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if look, err := d.Look(b.Context()); err != nil || len(look.Messages) != parked.MaxMessages {
					b.Fatal(len(look.Messages), err)
				}
			}
		})
	}
}
