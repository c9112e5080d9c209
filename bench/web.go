package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"

	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/web"
)

// A Page answers a GET with what its path has.
type Page struct {
	_ service.Name `service:"page"`

	Entrypoints struct {
		Show web.Route `web:"GET /pages/{text}"`
	}
}

// Show returns text.
func (*Page) Show(_ context.Context, text string) (map[string]string, error) {
	return map[string]string{"text": text}, nil
}

// serveWeb answers by a service.
func serveWeb(ctx context.Context, r *role, _ []string) error {
	cfg := web.Config{Listen: func(context.Context, string) (net.Listener, error) { return r.listen() }}
	c, err := service.New(service.Config{Logger: quiet}, new(Page), service.Configure(cfg))
	if err != nil {
		return err
	}
	return c.Start(ctx)
}

// serveHTTP answers by net/http alone.
func serveHTTP(_ context.Context, r *role, _ []string) error {
	l, err := r.listen()
	if err != nil {
		return err
	}
	go func() { must(http.Serve(l, pages())) }()
	return nil
}

func (r *role) listen() (net.Listener, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err == nil {
		r.uri = "http://" + l.Addr().String()
	}
	return l, err
}

func getHTTP(_ context.Context, r *role, args []string) error {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1000}, Timeout: limit}
	r.call = func(_ context.Context, text string) error {
		answer, err := client.Get(args[0] + "/pages/" + url.PathEscape(text))
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			return fmt.Errorf("got %s", answer.Status)
		}
		_, err = io.Copy(io.Discard, answer.Body)
		return err
	}
	return nil
}

func webGroup() *group {
	return &group{
		title: "Web",
		about: "A GET with a parameter in its path, answered with JSON.",
		contestants: []contestant{
			{name: "net/http", server: []string{"http server"}, client: []string{"http client"}},
			{name: "gomeko", server: []string{"gomeko web"}, client: []string{"http client"}},
		},
		scenarios: []scenario{{"web/1", order{Callers: 1, Size: 50}}, {"web/64", order{Callers: 64, Size: 50}}},
	}
}
