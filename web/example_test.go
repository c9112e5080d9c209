package web_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzhttp"
	"github.com/rs/cors"

	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/web"
)

// Greeting greets over HTTP.
type Greeting struct {
	_ service.Name `service:"greeting"`

	Entrypoints struct {
		Hello web.Route `web:"GET /hello/{name}"`
		Order web.Route `web:"POST /orders/{id}"`
	}
}

// Hello greets whom the path names.
func (*Greeting) Hello(_ context.Context, name string) (string, error) {
	if name == "nobody" {
		return "", &web.Error{Status: http.StatusNotFound, Type: "Nobody", Message: "there is nobody"}
	}
	return "Hello, " + name + "!", nil
}

// OrderArgs are filled from a request.
type OrderArgs struct {
	ID      int    `json:"id"`
	Product string `json:"product"`
	Count   int    `json:"count" default:"1"`
	Gift    bool   `json:"gift,omitempty" query:"gift"`
}

// Order takes an order.
func (*Greeting) Order(_ context.Context, args OrderArgs) (web.Response, error) {
	return web.Response{Status: http.StatusCreated, Body: args}, nil
}

func ExampleRoute() {
	url, stop := serve(new(Greeting))
	defer stop()
	show(http.Get(url + "/hello/Julio"))
	show(http.Get(url + "/hello/nobody"))
	show(http.Post(url+"/orders/7?gift=true", "application/json", strings.NewReader(`{"product": "tea"}`)))
	show(http.Post(url+"/orders/7", "application/json", strings.NewReader(`{"count": 1.5}`)))
	// Output:
	// 200 OK: Hello, Julio!
	// 404 Not Found: Error: Nobody: there is nobody
	// 201 Created: {"id":7,"product":"tea","count":1,"gift":true}
	// 400 Bad Request: Error: BadRequest: body product: is missing; body count: number 1.5 does not fit int
}

// Mounts, middleware and hooks are given to the application.
func ExampleHooks() {
	url, stop := serve(new(Greeting), web.Hooks{
		Middleware: []func(http.Handler) http.Handler{
			cors.New(cors.Options{AllowedOrigins: []string{"https://shop.example.org"}}).Handler,
			func(next http.Handler) http.Handler { return gzhttp.GzipHandler(next) },
		},
		Context: func(r *http.Request) (context.Context, error) {
			return service.Language.With(r.Context(), r.Header.Get("Accept-Language")), nil
		},
		Errors: func(w http.ResponseWriter, _ *http.Request, e *web.Error) {
			http.Error(w, "Sorry: "+e.Message, e.Status)
		},
	})
	defer stop()
	r, err := http.NewRequest(http.MethodGet, url+"/hello/nobody", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	r.Header.Set("Origin", "https://shop.example.org")
	answer, err := http.DefaultClient.Do(r)
	show(answer, err)
	fmt.Println(answer.Header.Get("Access-Control-Allow-Origin"))
	// Output:
	// 404 Not Found: Sorry: there is nobody
	// https://shop.example.org
}

// serve starts a service on a free port, and returns its URL and what stops it.
func serve(s any, values ...any) (url string, stop func()) {
	var port hosttest.Port
	cfg := web.Config{Listen: port.Listen}
	quiet := slog.New(slog.DiscardHandler)
	c, err := service.New(service.Config{Logger: quiet, Values: append(values, cfg)}, s)
	if err == nil {
		err = c.Start(context.Background())
	}
	if err != nil {
		panic(err)
	}
	return "http://" + port.Address(), func() {
		http.DefaultClient.CloseIdleConnections()
		_ = c.Stop(context.Background()) // without a deadline it waits until all is answered
	}
}

// show prints an answer.
func show(answer *http.Response, err error) {
	if err != nil {
		fmt.Println(err)
		return
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s: %s\n", answer.Status, strings.TrimSpace(string(text)))
}

// Libraries of middleware work as they do elsewhere.
func TestLibraries(t *testing.T) {
	hooks := web.Hooks{Middleware: []func(http.Handler) http.Handler{
		cors.New(cors.Options{AllowedOrigins: []string{"https://shop.example.org"}, AllowedMethods: []string{"PUT"}}).Handler,
		func(next http.Handler) http.Handler { return gzhttp.GzipHandler(next) },
		http.NewCrossOriginProtection().Handler,
	}}
	p := startConfigured(t, service.Config{Values: []any{hooks}}, web.Config{}, new(Shop), newSite(t))

	answer := p.get(t, "/stream/100000", "Accept-Encoding", "gzip")
	packed, err := io.ReadAll(answer.Body)
	if answer.Header.Get("Content-Encoding") != "gzip" || len(packed) > 10000 || err != nil {
		t.Errorf("got %d bytes, %q, %v, want a compressed stream", len(packed), answer.Header.Get("Content-Encoding"), err)
	}
	if text := p.get(t, "/plain", "Accept-Encoding", "gzip"); text.Header.Get("Content-Encoding") != "" {
		t.Error("a small answer was compressed")
	}

	r, err := http.NewRequestWithContext(t.Context(), http.MethodOptions, p.url+"/things/7", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Origin", "https://shop.example.org")
	r.Header.Set("Access-Control-Request-Method", "PUT")
	if status, header, _ := do(t, p, r); status != 204 || header.Get("Access-Control-Allow-Methods") != "PUT" {
		t.Errorf("got %d, %q, want the preflight allowed", status, header)
	}

	r, err = http.NewRequestWithContext(t.Context(), http.MethodPost, p.url+"/login", strings.NewReader(""))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	if status, _, _ := do(t, p, r); status != 403 {
		t.Errorf("got %d, want a form of another site refused", status)
	}
}
