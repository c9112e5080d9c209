package main

import (
	"context"
	"net"
	"time"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/observe/prometheus"
	"github.com/gomeko/gomeko/observe/statsd"
	"github.com/gomeko/gomeko/service"
)

// observers are what watches the calls of a service, by the argument of its role.
func observers(name string) fx.Option {
	switch name {
	case "hooks":
		return service.Configure(service.Observer{
			CallBegan:   func(ctx context.Context, _ service.ObservedCall) context.Context { return ctx },
			CallStarted: func(context.Context, service.ObservedCall) {},
			CallEnded:   func(context.Context, service.ObservedCall) {},
			SendBegan:   func(ctx context.Context, _ service.Message) context.Context { return ctx },
			SendEnded:   func(context.Context, service.Message, time.Duration, error) {},
		})
	case "prometheus":
		return prometheus.Module(prometheus.Config{})
	case "statsd":
		// The system drops what nobody reads here, as it does where StatsD is slow.
		conn, err := net.ListenPacket("udp", "127.0.0.1:0")
		must(err)
		return statsd.Module(statsd.Config{Address: conn.LocalAddr().String(), Tags: true})
	}
	return fx.Options()
}

// observerGroup compares a service that nothing observes with those that something does.
func observerGroup() *group {
	g := &group{
		title: "Observers",
		about: "RPC on the embedded broker, where the service's own time weighs most, without an observer, with one whose functions do nothing, " +
			"and with the metrics of observe/prometheus and observe/statsd in the server.",
		scenarios: []scenario{{"observer/64", order{Callers: 64, Size: 50}}, {"observer/1", order{Callers: 1, Size: 50}}},
	}
	const off, hooks, prometheus, statsd = "no observer", "an empty observer", "Prometheus", "StatsD"
	for _, c := range [][2]string{{off, ""}, {hooks, "hooks"}, {prometheus, "prometheus"}, {statsd, "statsd"}} {
		g.contestants = append(g.contestants, contestant{
			name: c[0], broker: embedded, server: []string{"gomeko service", c[1]}, client: []string{"gomeko client"},
		})
	}
	g.claims = []claim{
		{"observer/64", hooks, off, rate, 0.95},
		{"observer/64", prometheus, off, rate, 0.9},
		{"observer/64", statsd, off, rate, 0.9},
	}
	return g
}
