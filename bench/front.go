package main

import (
	"context"
	"encoding/json"
	"net"
	"net/http"

	"github.com/gomeko/gomeko/fleet"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
	"github.com/gomeko/gomeko/web"
)

// This file measures HTTP requests that go through a queue, beside the handler alone and beside
// RPC.

// Behind has the handler of serveHTTP behind a queue.
type Behind struct {
	_ service.Name `service:"behind"`

	Entrypoints struct {
		Site web.Backend `web:"bench"`
	}

	handler http.Handler
}

// Site answers a request from the queue.
func (b *Behind) Site(w http.ResponseWriter, r *http.Request) { b.handler.ServeHTTP(w, r) }

// pages is the handler.
func pages() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /pages/{text}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		must(json.NewEncoder(w).Encode(map[string]string{"text": r.PathValue("text")}))
	})
	return mux
}

// serveBackend hosts the backend.
func serveBackend(ctx context.Context, _ *role, args []string) error {
	c, err := service.New(service.Config{Logger: quiet}, &Behind{handler: pages()},
		service.Configure(transport.Config{URI: args[0]}), service.Configure(fleet.HTTP()))
	if err != nil {
		return err
	}
	return c.Start(ctx)
}

// Gate forwards all requests.
type Gate struct {
	_ service.Name `service:"gate"`

	Pages web.Front `web:"/" to:"bench"`
}

// getFront asks the handler through a front of its own.
func getFront(ctx context.Context, r *role, args []string) error {
	cfg := web.Config{Listen: func(context.Context, string) (net.Listener, error) { return r.listen() }}
	c, err := service.New(service.Config{Logger: quiet}, new(Gate),
		service.Configure(transport.Config{URI: args[0]}), service.Configure(fleet.HTTP()), service.Configure(cfg))
	if err != nil {
		return err
	}
	if err := c.Start(ctx); err != nil {
		return err
	}
	return getHTTP(ctx, r, []string{r.uri})
}

func frontGroup() *group {
	const rpc, queued = "RPC", "front and backend"
	g := &group{
		title: "HTTP through a queue",
		about: "A GET with a parameter in its path, answered with JSON, by a handler of net/http behind a queue; the front is in the process of its client. Beside it are the call of an RPC method, and the handler alone, without a broker.",
		contestants: []contestant{
			{name: rpc, broker: rabbitMQ, server: []string{"gomeko service"}, client: []string{"gomeko client"}},
			{name: queued, broker: rabbitMQ, server: []string{"gomeko backend"}, client: []string{"gomeko front"}},
			{name: rpc + ", embedded broker", broker: embedded, server: []string{"gomeko service"}, client: []string{"gomeko client"}},
			{name: queued + ", embedded broker", broker: embedded, server: []string{"gomeko backend"}, client: []string{"gomeko front"}},
			{name: "net/http alone", server: []string{"http server"}, client: []string{"http client"}},
		},
	}
	g.scenarios = []scenario{{"front/1", order{Callers: 1, Size: 50}}, {"front/64", order{Callers: 64, Size: 50}}}
	g.claims = []claim{{"front/64", queued, rpc, rate, 0.5}}
	return g
}
