package main

import (
	"context"
	"fmt"
	"iter"
	"strings"

	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// This file measures streamed results: how many items a reader gets in a second, and how many
// megabytes. grpc.go does the same with gRPC's server streaming.

// A Feed yields texts.
type Feed struct {
	_ service.Name `service:"feed"`

	Entrypoints struct {
		Read rpc.Method `rpc:"read(size, count)"`
	}
}

// Read yields count texts of size bytes each.
func (*Feed) Read(_ context.Context, size, count int) (iter.Seq2[string, error], error) {
	text := strings.Repeat("x", size)
	return func(yield func(string, error) bool) {
		for range count {
			if !yield(text, nil) {
				return
			}
		}
	}, nil
}

// serveFeed hosts a Feed.
func serveFeed(ctx context.Context, _ *role, args []string) error {
	c, err := service.New(service.Config{Logger: quiet}, new(Feed), service.Configure(transport.Config{URI: args[0]}))
	if err != nil {
		return err
	}
	return c.Start(ctx)
}

// streamed is what one stream takes, in bytes: small enough that a round has several.
const streamed = 2_000_000

// read makes the role one that reads streams. open opens one whose items are texts of size bytes;
// unit is what is counted, items or MB.
func (r *role) read(unit string, open func(ctx context.Context, size, count int) iter.Seq2[string, error]) {
	r.load = func(o order, l *latencies) report {
		count := streamed / o.Size
		answer := closedLoop(o, l, func(string) error {
			n := 0
			for text, err := range open(context.Background(), o.Size, count) {
				if err != nil {
					return err
				}
				n += len(text)
			}
			if n != count*o.Size {
				return fmt.Errorf("got %d bytes of a stream, want %d", n, count*o.Size)
			}
			return nil
		})
		if unit == "MB" {
			answer.Calls *= streamed / 1_000_000
		} else {
			answer.Calls *= count
		}
		return answer
	}
}

// readFeed reads streams of a Feed.
func readFeed(ctx context.Context, r *role, args []string) error {
	caller, err := dialGomeko(ctx, args[0])
	if err != nil {
		return err
	}
	client := caller.Client("feed")
	r.read(args[1], func(ctx context.Context, size, count int) iter.Seq2[string, error] {
		return rpc.Stream[string](ctx, client, "read", size, count)
	})
	return nil
}

func streamGroups() []*group {
	of := func(unit, title, about string, size int, least float64) *group {
		server, client := []string{"gomeko feed"}, []string{"gomeko reader", unit}
		g := &group{
			title: title,
			unit:  unit,
			about: about + " p50 and p99 are of a stream of 2 MB; each reader reads one after the other. gRPC is its server streaming, and has no broker.",
			contestants: []contestant{
				{name: "gRPC", server: []string{"grpc feed"}, client: []string{"grpc reader", unit}},
				{name: "gomeko", broker: rabbitMQ, server: server, client: client},
				{name: "gomeko, embedded broker", broker: embedded, server: server, client: client},
			},
		}
		for _, readers := range []int{1, 16} {
			name := fmt.Sprintf("streams/%s/%d", unit, readers)
			g.scenarios = append(g.scenarios, scenario{name, order{Callers: readers, Size: size}})
			g.claims = append(g.claims, claim{scenario: name, contestant: "gomeko, embedded broker", figure: rate, ratio: least})
		}
		return g
	}
	return []*group{
		of("items", "Streams: items", "Items of 200 bytes that a method yields, by readers of streams.", 200, 15_000),
		of("MB", "Streams: bytes", "Items of 100,000 bytes; the rate and the CPU time are of a megabyte.", 100_000, 100),
	}
}
