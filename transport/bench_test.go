package transport_test

import (
	"context"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/transport"
)

// benchmarkConn connects to an embedded broker that has a queue "q".
func benchmarkConn(b *testing.B) *transport.Conn {
	b.Helper()
	c, err := transport.Dial(b.Context(), transport.Config{URI: brokertest.Embedded(b)})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := c.Close(ctx); err != nil {
			b.Error(err)
		}
	})
	topology := transport.Topology{Queues: []transport.Queue{{Name: "q", Durable: true, Args: transport.Table{"x-max-length": 1000}}}}
	if err := c.Declare(b.Context(), topology); err != nil {
		b.Fatal(err)
	}
	return c
}

// benchmarkPublishing is about the size of an RPC request.
func benchmarkPublishing(key string) transport.Publishing {
	return transport.Publishing{
		Key:  key,
		Body: make([]byte, 100),
		Properties: transport.Properties{
			ContentType: "application/json", ContentEncoding: "utf-8", CorrelationID: "1", ReplyTo: "q",
			Headers: transport.Table{"nameko.call_id_stack": []any{"a", "b"}},
		},
	}
}

// BenchmarkPublish publishes and waits for the confirm, one at a time and from many goroutines.
func BenchmarkPublish(b *testing.B) {
	b.Run("serial", func(b *testing.B) {
		c := benchmarkConn(b)
		b.ReportAllocs()
		for b.Loop() {
			if err := c.Publish(b.Context(), benchmarkPublishing("q")); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("parallel", func(b *testing.B) {
		c := benchmarkConn(b)
		b.SetParallelism(32)
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if err := c.Publish(b.Context(), benchmarkPublishing("q")); err != nil {
					b.Error(err)
				}
			}
		})
	})
}

// BenchmarkDelivery sends messages to a consumer that replies to each and acknowledges it, 64 of
// them at a time.
func BenchmarkDelivery(b *testing.B) {
	c := benchmarkConn(b)
	done := make(chan error, 64)
	_, err := c.Consume(b.Context(), transport.Consume{Queue: "q", Prefetch: 100, Handle: func(d *transport.Delivery) {
		err := d.Reply(b.Context(), transport.Publishing{Key: "nowhere", Body: d.Body})
		d.Ack()
		done <- err
	}})
	if err != nil {
		b.Fatal(err)
	}
	unsettled := func(err error) {
		if err != nil {
			b.Error(err)
		}
	}
	b.ReportAllocs()
	sent := 0
	for n := 0; b.Loop(); n++ {
		for ; sent < n+64; sent++ {
			if err := c.Send(b.Context(), benchmarkPublishing("q"), unsettled); err != nil {
				b.Fatal(err)
			}
		}
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
	for b.StopTimer(); sent > b.N; sent-- {
		<-done
	}
}
