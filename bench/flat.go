package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"

	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// This file measures that a call costs the same however many callers wait, messages are queued, and
// services share the process.

// A Hold answers nobody.
type Hold struct {
	_ service.Name `service:"hold"`

	Entrypoints struct {
		Hold rpc.Method `rpc:"hold"`
	}
}

// Hold returns when its caller or its process gives up.
func (*Hold) Hold(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// serveHold is serveGomeko with a second container, whose calls never return, as many as its second
// argument says.
func serveHold(ctx context.Context, r *role, args []string) error {
	if err := serveGomeko(ctx, r, args); err != nil {
		return err
	}
	n, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	c, err := service.New(service.Config{Logger: quiet, MaxWorkers: n}, new(Hold), service.Configure(transport.Config{URI: args[0]}))
	if err != nil {
		return err
	}
	return c.Start(ctx)
}

// callHold is callGomeko beside as many callers that wait as its second argument says.
func callHold(ctx context.Context, r *role, args []string) error {
	n, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	caller, err := dialGomeko(ctx, args[0])
	if err != nil {
		return err
	}
	hold := caller.Client("hold")
	for range n {
		hold.Go(rpc.With(ctx, rpc.Timeout(-1)), "hold")
	}
	r.echo(caller.Client("bench"))
	return nil
}

// serveMany hosts the generated services.
func serveMany(ctx context.Context, _ *role, args []string) error {
	all := generated()
	n, err := strconv.Atoi(args[1])
	if err != nil || len(all) < n {
		return fmt.Errorf("want %s services, have %d: %w", args[1], len(all), err)
	}
	c, err := service.New(service.Config{Logger: quiet}, append(all[:n:n], service.Configure(transport.Config{URI: args[0]}))...)
	if err != nil {
		return err
	}
	return c.Start(ctx)
}

// callMany calls one of them after the other.
func callMany(ctx context.Context, r *role, args []string) error {
	n, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	caller, err := dialGomeko(ctx, args[0])
	if err != nil {
		return err
	}
	clients := make([]rpc.Client, n)
	for i := range clients {
		clients[i] = caller.Client("bench" + strconv.Itoa(i))
	}
	r.call = func(ctx context.Context, text string) error {
		var result string
		return clients[rand.IntN(n)].Call(ctx, "echo", &result, text)
	}
	return nil
}

func flatGroups() []*group {
	var waiting, deep, many []contestant
	for _, n := range []string{"10", "1000", "10000"} {
		waiting = append(waiting, contestant{name: n + " waiting", broker: embedded,
			server: []string{"gomeko holding service", n}, client: []string{"gomeko waiting client", n}})
	}
	for _, n := range []string{"10", "1000", "1000000"} {
		deep = append(deep, contestant{name: n + " deep", broker: embedded,
			server: []string{"queues", "depth"}, client: []string{"queues publisher", "depth", n}})
	}
	for _, n := range []string{"1", "50", strconv.Itoa(manyServices)} {
		many = append(many, contestant{name: n + " services", broker: embedded, generated: true,
			server: []string{"gomeko services", n}, client: []string{"gomeko services client", n}})
	}
	return []*group{{
		title: "Callers that wait", contestants: waiting,
		about:     "64 callers of gomeko on the embedded broker, beside others in the same process that wait for a reply that does not come.",
		scenarios: []scenario{{"flat/waiting", order{Callers: 64, Size: 50}}},
		claims:    flatClaims("flat/waiting", waiting),
	}, {
		title: "Deep queues", contestants: deep,
		about:     "A message is put at the end of a queue of the embedded broker, and one taken from its head, by amqp091-go.",
		scenarios: []scenario{{"flat/depth", order{Callers: 1, Size: 50}}},
		claims:    flatClaims("flat/depth", deep),
	}, {
		title: "Services in a process", contestants: many,
		about:     "64 callers of gomeko on the embedded broker, each call of another service; all are in one process.",
		scenarios: []scenario{{"flat/services", order{Callers: 64, Size: 50}}},
		claims:    flatClaims("flat/services", many),
	}}
}

// flatClaims claim that a large number of these adds at most a tenth to the cost of a call.
func flatClaims(scenario string, all []contestant) []claim {
	var claims []claim
	for _, c := range all[1:] {
		claims = append(claims, claim{scenario, c.name, all[0].name, totalCPU, 1.1})
	}
	return claims
}
