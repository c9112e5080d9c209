package mux_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/internal/mux"
)

// Wildcards match every segment, redirects keep the escapes, and unmatched requests are answered as
// by net/http.
func TestServeMux(t *testing.T) {
	var m mux.ServeMux
	for _, pattern := range []string{
		"GET /one/{name}", "GET /one/{name}/two/{other}", "GET /rest/{rest...}", "GET /literal/a", "GET /tree/{name}/",
		"GET /end/{name}/{$}", "GET example.org/one/{name}",
	} {
		m.Handle(pattern, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, "%s %q %q %q %s", r.Pattern, r.PathValue("name"), r.PathValue("other"), r.PathValue("rest"), r.URL.EscapedPath())
		}))
	}
	for _, test := range []struct {
		method, target string
		status         int
		want           string // the body, the Location of a redirect, or the Allow of a 405
	}{
		{"GET", "/one/%2F", 200, `GET /one/{name} "/" "" "" /one/%2F`},
		{"GET", "/one/%2f", 200, `GET /one/{name} "/" "" "" /one/%2f`},
		{"HEAD", "/one/%2F", 200, `GET /one/{name} "/" "" "" /one/%2F`},
		{"GET", "/one/%2F%2F", 200, `GET /one/{name} "//" "" "" /one/%2F%2F`},
		{"GET", "/one/%2F%00", 200, `GET /one/{name} "/\x00" "" "" /one/%2F%00`},
		{"GET", "/one/a%2Fb", 200, `GET /one/{name} "a/b" "" "" /one/a%2Fb`},
		{"GET", "/one/%C3%BC", 200, `GET /one/{name} "ü" "" "" /one/%C3%BC`},
		{"GET", "/one/%252F", 200, `GET /one/{name} "%2F" "" "" /one/%252F`},
		{"GET", "http://example.org/one/%2F", 200, `GET example.org/one/{name} "/" "" "" /one/%2F`},
		{"GET", "/one/%2F/two/%2F", 200, `GET /one/{name}/two/{other} "/" "/" "" /one/%2F/two/%2F`},
		{"GET", "/one/%2F/two/x", 200, `GET /one/{name}/two/{other} "/" "x" "" /one/%2F/two/x`},
		{"GET", "/rest/%2F", 200, `GET /rest/{rest...} "" "" "/" /rest/%2F`},
		{"GET", "/rest/a/%2F/b%2Fc/", 200, `GET /rest/{rest...} "" "" "a///b/c/" /rest/a/%2F/b%2Fc/`},
		{"GET", "/liter%61l/a", 200, `GET /literal/a "" "" "" /liter%61l/a`},
		{"GET", "/tree/%2F/x%2Fy", 200, `GET /tree/{name}/ "/" "" "" /tree/%2F/x%2Fy`},
		{"GET", "/end/%2F/", 200, `GET /end/{name}/{$} "/" "" "" /end/%2F/`},
		{"GET", "/tree/%2F?q=1", 307, "/tree/%2F/?q=1"},
		{"GET", "/one//%2F?q=1", 307, "/one/%2F?q=1"},
		{"GET", "/one/x/../%C3%BC", 307, "/one/%C3%BC"},
		{"POST", "/one/%2F", 405, "GET, HEAD"},
		{"GET", "/none/%2F", 404, "404 page not found\n"},
		{"GET", "/literal/%2F", 404, "404 page not found\n"},
		{"GET", "/one/x", 200, `GET /one/{name} "x" "" "" /one/x`},
	} {
		w := httptest.NewRecorder()
		m.ServeHTTP(w, httptest.NewRequest(test.method, test.target, http.NoBody))
		got := w.Body.String()
		switch w.Code {
		case http.StatusTemporaryRedirect:
			got = w.Header().Get("Location")
		case http.StatusMethodNotAllowed:
			got = w.Header().Get("Allow")
		}
		if pattern := m.Pattern(httptest.NewRequest(test.method, test.target, http.NoBody)); w.Code == http.StatusOK && !strings.HasPrefix(test.want, pattern+" ") {
			t.Errorf("%s %s: got the pattern %q, want that of %s", test.method, test.target, pattern, test.want)
		}
		if w.Code != test.status || got != test.want {
			t.Errorf("%s %s: got %d %s, want %d %s", test.method, test.target, w.Code, got, test.status, test.want)
		}
	}
}
