package web_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/klauspost/compress/gzhttp"

	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/web"
)

// Greeting says hello.
type Greeting struct {
	_ service.Name `service:"greeting"`

	Entrypoints struct {
		Hello web.Route `web:"GET /hello/{name}"`
	}
}

// Hello takes the wildcard of the pattern.
func (*Greeting) Hello(_ context.Context, name string) (string, error) {
	return "Hello, " + name + "!", nil
}

func ExampleRoute() {
	url, stop := serve(new(Greeting))
	defer stop()
	show(http.Get(url + "/hello/Julio"))
	// Output: 200 OK: Hello, Julio!
}

// Store takes orders.
type Store struct {
	_ service.Name `service:"store"`

	Entrypoints struct {
		AddOrder web.Route `web:"POST /users/{id}/orders"`
	}
}

// AddOrder adds an order for a user.
func (*Store) AddOrder(_ context.Context, userID int, args OrderArgs) (web.Response, error) {
	if userID != 7 {
		return web.Response{}, &web.Error{Status: http.StatusNotFound, Type: "NoUser", Message: "there is no such user"}
	}
	return web.Response{Status: http.StatusCreated, Body: args}, nil
}

// OrderArgs are read from the request.
type OrderArgs struct {
	Product string `json:"product"`
	Count   int    `json:"count" default:"1"`
	Gift    bool   `json:"gift,omitempty" query:"gift"`
	Tenant  string `json:"tenant,omitempty" header:"X-Tenant"`
}

func ExampleRoute_struct() {
	url, stop := serve(new(Store))
	defer stop()
	post := func(path, body string) {
		show(http.Post(url+path, "application/json", strings.NewReader(body)))
	}
	post("/users/7/orders?gift=true", `{"product": "tea"}`)
	post("/users/7/orders", `{"count": 1.5}`)
	post("/users/8/orders", `{"product": "tea"}`)
	// Output:
	// 201 Created: {"product":"tea","count":1,"gift":true}
	// 400 Bad Request: {"type":"about:blank","title":"Bad Request","status":400,"detail":"body product: is missing; body count: number 1.5 does not fit int","error":"BadRequest","errors":[{"in":"body","name":"product","detail":"is missing"},{"in":"body","name":"count","detail":"number 1.5 does not fit int"}]}
	// 404 Not Found: Error: NoUser: there is no such user
}

// Shopfront serves files.
type Shopfront struct {
	_ service.Name `service:"shopfront"`

	Static web.Mount `web:"GET /static/"`
}

func ExampleMount() {
	files := fstest.MapFS{"static/robots.txt": {Data: []byte("User-agent: *")}} // usually an embed.FS
	url, stop := serve(&Shopfront{Static: web.Mount{Handler: http.FileServerFS(files)}})
	defer stop()
	show(http.Get(url + "/static/robots.txt"))
	// Output: 200 OK: User-agent: *
}

func ExampleHooks() {
	url, stop := serve(new(Greeting), service.Configure(web.Hooks{
		Middleware: []func(http.Handler) http.Handler{
			http.NewCrossOriginProtection().Handler,
		},
		Context: func(r *http.Request) (context.Context, error) {
			user, _, ok := r.BasicAuth()
			if !ok {
				return nil, &web.Error{Status: http.StatusUnauthorized, Message: "log in first"}
			}
			return service.UserID.With(r.Context(), user), nil
		},
		Errors: func(w http.ResponseWriter, _ *http.Request, e *web.Error) {
			http.Error(w, "Sorry: "+e.Message, e.Status)
		},
	}))
	defer stop()
	show(http.Get(url + "/hello/Julio"))
	show(http.Get(strings.Replace(url, "//", "//julio:secret@", 1) + "/hello/Julio"))
	// Output:
	// 401 Unauthorized: Sorry: log in first
	// 200 OK: Hello, Julio!
}

// serve starts services on a free port. It returns its URL and a function that stops it.
func serve(services ...any) (url string, stop func()) {
	var port hosttest.Port
	quiet := slog.New(slog.DiscardHandler)
	c, err := service.New(service.Config{Logger: quiet}, append(services, service.Configure(web.Config{Listen: port.Listen}))...)
	if err == nil {
		err = c.Start(context.Background())
	}
	if err != nil {
		panic(err)
	}
	return "http://" + port.Address(), func() {
		http.DefaultClient.CloseIdleConnections()
		_ = c.Stop(context.Background()) // Stop waits for running requests
	}
}

// show prints a response.
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

// Middleware written for net/http works: it compresses responses, answers preflight requests, and
// rejects forms.
func TestLibraries(t *testing.T) {
	t.Parallel()
	preflight := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if method := r.Header.Get("Access-Control-Request-Method"); r.Method == http.MethodOptions && method != "" {
				w.Header().Set("Access-Control-Allow-Methods", method)
				w.WriteHeader(http.StatusNoContent)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
	hooks := web.Hooks{Middleware: []func(http.Handler) http.Handler{
		preflight,
		func(next http.Handler) http.Handler { return gzhttp.GzipHandler(next) },
		http.NewCrossOriginProtection().Handler,
	}}
	p := startConfigured(t, service.Config{}, web.Config{}, new(Shop), newSite(t), service.Configure(hooks))

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
