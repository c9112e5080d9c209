package httpqueue_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/web"
)

// application is a typical application for net/http.
func application() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s %s %d %q %v\n", r.Method, r.Host, r.RequestURI, r.ContentLength, body, err)
		for _, name := range slices.Sorted(maps.Keys(r.Header)) {
			if name != "Forwarded" && name != "X-Request-Id" && name != "Accept-Encoding" && name != "User-Agent" {
				fmt.Fprintf(w, "%s: %q\n", name, r.Header[name])
			}
		}
		fmt.Fprintf(w, "trailers: %v\n", r.Trailer)
	})
	mux.HandleFunc("GET /items/{id}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "item %s of %s", r.PathValue("id"), r.URL.Query()["tag"])
	})
	mux.HandleFunc("GET /status/{code}", func(w http.ResponseWriter, r *http.Request) {
		code := 0
		_, _ = fmt.Sscan(r.PathValue("code"), &code)
		w.Header().Set("X-Code", r.PathValue("code"))
		w.WriteHeader(code)
		_, err := io.WriteString(w, "body")
		if errors.Is(err, http.ErrBodyNotAllowed) != (code == 204 || code == 304) {
			panic(err)
		}
	})
	mux.HandleFunc("GET /cookies", func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "a", Value: "1"})
		http.SetCookie(w, &http.Cookie{Name: "b", Value: "2"})
		_, _ = io.WriteString(w, "<html>")
	})
	mux.HandleFunc("GET /large", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(bytes.Repeat([]byte("0123456789"), 30_000))
	})
	mux.HandleFunc("GET /declared", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "200000")
		_, _ = w.Write(make([]byte, 200_000))
	})
	mux.HandleFunc("GET /short", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "200000")
		_, _ = w.Write(make([]byte, 100_000))
	})
	mux.HandleFunc("GET /none", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /file", func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "a.txt", time.Unix(1e9, 0), strings.NewReader("the content of a file"))
	})
	mux.HandleFunc("GET /trailers", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Trailer", "X-Sum")
		_, _ = io.WriteString(w, "body")
		w.Header().Set("X-Sum", "17")
		w.Header().Set(http.TrailerPrefix+"X-Late", "yes")
	})
	mux.HandleFunc("GET /flushed", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Trailer", "X-Sum")
		for i := range 3 {
			fmt.Fprintln(w, i)
			_ = http.NewResponseController(w).Flush()
		}
		w.Header().Set("X-Sum", "3")
	})
	mux.HandleFunc("GET /early", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "</style.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		_, _ = io.WriteString(w, "after a hint")
	})
	mux.HandleFunc("GET /untyped", func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Content-Type"] = nil
		_, _ = io.WriteString(w, "what")
	})
	mux.HandleFunc("GET /connection", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Kept", "yes")
		_, _ = io.WriteString(w, "whole")
	})
	mux.HandleFunc("GET /redirect", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/none?a=b", http.StatusSeeOther) })
	mux.HandleFunc("GET /zip", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		_, _ = z.Write(make([]byte, 100_000))
		_ = z.Close()
	})
	mux.HandleFunc("POST /form", func(w http.ResponseWriter, r *http.Request) {
		file, _, err := r.FormFile("file")
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		n, err := io.Copy(io.Discard, file)
		fmt.Fprintf(w, "%d %v %s", n, err, r.FormValue("name"))
	})
	mux.HandleFunc("POST /refuse", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusForbidden) })
	mux.HandleFunc("GET /abort", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	mux.HandleFunc("GET /half", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(make([]byte, 1000))
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	return mux
}

// router is a typical application for chi, with middleware, subrouters and parameters.
func router() http.Handler {
	r := chi.NewRouter()
	r.Use(middleware.RequestID, middleware.Recoverer, middleware.StripSlashes, middleware.Compress(5))
	r.Mount("/net", http.StripPrefix("/net", application()))
	r.Route("/articles", func(r chi.Router) {
		r.With(middleware.BasicAuth("articles", map[string]string{"ann": "secret"})).Post("/", func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			w.WriteHeader(http.StatusCreated)
			fmt.Fprintf(w, `{"article":%q}`, body)
		})
		r.Get("/{month}-{day}-{slug:[a-z]+}", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(w, `{"month":%q,"slug":%q}`, chi.URLParam(r, "month"), chi.URLParam(r, "slug"))
		})
		r.With(middleware.Throttle(1), middleware.NoCache).Get("/events", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			for i := range 3 {
				fmt.Fprintf(w, "data: %d\n\n", i)
				w.(http.Flusher).Flush()
			}
		})
		r.Handle("/proxy", &httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(&url.URL{Scheme: "http", Host: "127.0.0.1:1"}) // an address on which nothing listens
		}, ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }})
	})
	return r
}

// A trial is one request of the table.
type trial struct {
	method, target, body string
	header               []string // Name: value
	chunked              bool     // the length of the body is not declared
}

// form returns a form with a file of the given size.
func form(size int) (body, contentType string) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	_ = w.SetBoundary("boundary")
	_ = w.WriteField("name", "ann")
	f, _ := w.CreateFormFile("file", "a.bin")
	_, _ = f.Write(make([]byte, size))
	_ = w.Close()
	return b.String(), "Content-Type: " + w.FormDataContentType()
}

// trials returns the requests of the table.
func trials() []trial {
	small, formType := form(1000)
	large, _ := form(2 << 20)
	middle := strings.Repeat("0123456789", 30_000)
	all := []trial{
		{target: "/none"}, {target: "/echo"}, {target: "/echo?a=b&a=c;d#"}, {target: "/echo?"}, {target: "/missing"},
		{method: "POST", target: "/echo", body: "hello"},
		{method: "POST", target: "/echo", body: "hello", chunked: true},
		{method: "POST", target: "/echo", body: middle}, {method: "POST", target: "/echo", body: middle, chunked: true},
		{method: "PATCH", target: "/echo", body: "\x00\xff\r\n"}, {method: "DELETE", target: "/echo"}, {method: "OPTIONS", target: "/echo"},
		{method: "PROPFIND", target: "/echo", body: "<x/>"}, {method: "HEAD", target: "/echo"}, {method: "TRACE", target: "/echo"},
		{target: "/echo", header: []string{"Accept: a", "Accept: b", "X-Latin: caf\xe9", "Cookie: a=1; b=2", "Authorization: Basic eDp5"}},
		{target: "/echo", header: []string{"Expect: 100-continue"}, method: "POST", body: "continued"},
		{target: "/items/7?tag=a&tag=b"}, {target: "/items/a%2Fb"}, {target: "/items/%C3%A9"}, {method: "POST", target: "/items/7"},
		{target: "/cookies"}, {target: "/large"}, {target: "/declared"}, {method: "HEAD", target: "/declared"}, {method: "HEAD", target: "/cookies"},
		{target: "/file"}, {target: "/file", header: []string{"Range: bytes=4-10"}}, {target: "/file", header: []string{"Range: bytes=0-1,5-6"}},
		{target: "/file", header: []string{"Range: bytes=900-"}}, {target: "/file", header: []string{"If-Modified-Since: Sun, 09 Sep 2001 01:46:40 GMT"}}, {method: "HEAD", target: "/file"},
		{target: "/trailers"}, {target: "/flushed"}, {target: "/early"}, {target: "/untyped"}, {target: "/redirect"}, {target: "/connection"},
		{target: "/zip", header: []string{"Accept-Encoding: gzip"}}, {target: "/short"},
		{method: "POST", target: "/form", body: small, header: []string{formType}}, {method: "POST", target: "/form", body: large, header: []string{formType}},
		{method: "POST", target: "/refuse", body: "unread"},
		{target: "/abort"}, {target: "/half"},
	}
	for _, code := range []int{200, 201, 202, 204, 206, 299, 302, 304, 400, 404, 418, 429, 500, 503, 599} {
		all = append(all, trial{target: fmt.Sprint("/status/", code)})
	}
	return all
}

// routed returns the requests of the table for chi.
func routed() []trial {
	var all []trial
	for _, one := range trials() {
		one.target = "/net" + one.target
		all = append(all, one)
	}
	return append(all,
		trial{target: "/articles/01-16-winter"}, trial{target: "/articles/01-16-winter/"}, trial{target: "/articles/01-16-W"},
		trial{method: "POST", target: "/articles", body: "snow"},
		trial{method: "POST", target: "/articles", body: "snow", header: []string{"Authorization: Basic YW5uOnNlY3JldA=="}},
		trial{target: "/articles/events"}, trial{target: "/articles/proxy"},
		trial{target: "/articles/01-16-winter", header: []string{"Accept-Encoding: gzip"}},
	)
}

// send sends the request to a server, and returns what the client sees.
func (c trial) send(t *testing.T, client *http.Client, server string) string {
	t.Helper()
	var body io.Reader = http.NoBody
	if c.body != "" {
		body = strings.NewReader(c.body)
	}
	if c.chunked {
		body = io.MultiReader(body)
	}
	r, err := http.NewRequestWithContext(t.Context(), c.method, server+c.target, body)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "shop.example.org"
	for _, line := range c.header {
		name, value, _ := strings.Cut(line, ": ")
		r.Header[name] = append(r.Header[name], value)
	}
	answer, err := client.Do(r)
	if err != nil {
		return "no answer"
	}
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	end := "whole"
	if err != nil {
		end, content = "cut off", nil
	}
	for _, name := range []string{"Date", "X-Request-Id"} {
		answer.Header.Del(name)
	}
	if c.method != http.MethodHead {
		answer.Header.Del("Content-Length") // it depends on whether the whole body is known
	}
	seen := fmt.Sprintf("%d %q\ntrailers %q\n%d bytes, %s\n%.600s", answer.StatusCode, answer.Header, answer.Trailer, len(content), end, content)
	return boundary.ReplaceAllString(seen, "<boundary>")
}

// boundary matches the boundaries that net/http creates for several ranges.
var boundary = regexp.MustCompile(`[0-9a-f]{60}`)

// All requests of a table get the same answers directly and through a queue.
func TestSame(t *testing.T) {
	for _, app := range []struct {
		name    string
		handler http.Handler
		trials  []trial
	}{{"net", application(), trials()}, {"chi", router(), routed()}} {
		direct := httptest.NewServer(app.handler)
		t.Cleanup(direct.Close)
		direct.Config.ErrorLog = nil
		t.Run(app.name, func(t *testing.T) {
			brokertest.Each(t, func(t *testing.T, uri string) {
				serve(t, uri, app.handler)
				queued := front(t, uri, web.Config{NoAccessLog: true})
				client := client(t)
				for _, c := range app.trials {
					if c.method == "" {
						c.method = http.MethodGet
					}
					want := c.send(t, client, direct.URL)
					if strings.HasSuffix(c.target, "/abort") {
						want = "502" // the front is still running
					}
					if got := c.send(t, client, queued); got != want && (want != "502" || !strings.HasPrefix(got, "502 ")) {
						t.Errorf("%s %s %q: got\n%s\nwant\n%s", c.method, c.target, c.header, got, want)
					}
				}
			})
		})
	}
}
