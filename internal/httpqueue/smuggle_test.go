package httpqueue_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/fleet"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
	"github.com/gomeko/gomeko/web"
)

// A sight is what a handler sees of a request.
type sight struct {
	Method, Target, Host, Body string
	Header, Trailer            http.Header
}

// look answers with what the handler sees.
func look(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	_ = json.NewEncoder(w).Encode(sight{r.Method, r.RequestURI, r.Host, string(body), r.Header, r.Trailer})
}

// whole starts a front that forwards all paths, like gomeko front, and returns its address.
func whole(t *testing.T, uri string) string {
	t.Helper()
	var port hosttest.Port
	hosttest.Start(t, hosttest.Config{Broker: transport.Config{URI: uri}}, new(Named),
		service.Configure(fleet.HTTP()), service.Configure(web.Config{Listen: port.Listen}),
		service.Configure[service.Extension](func(h *service.Host) error { return web.Forward(h, "shop") }))
	return port.Address()
}

// Named sets the name of a process.
type Named struct {
	_ service.Name `service:"front"`
}

// raw sends bytes to a server, and then another request. It returns all responses except for the
// one to that request.
func raw(t *testing.T, address, text string) (responses []*http.Response, bodies []string) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(hosttest.Timeout))
	go func() { // the server may answer and close the connection before it has read everything
		_, _ = io.WriteString(conn, text+"GET /end HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n")
	}()
	for r := bufio.NewReader(conn); ; {
		response, err := http.ReadResponse(r, nil)
		if err != nil {
			return responses, bodies
		}
		body, _ := io.ReadAll(response.Body)
		response.Body.Close()
		if response.Close && response.StatusCode == http.StatusOK && len(responses) > 0 { // the last response
			return responses, bodies
		}
		responses, bodies = append(responses, response), append(bodies, string(body))
	}
}

// Bytes that could be read as another request than the client has sent are rejected by the front,
// or reach the handler as a single request, without what belongs to the connection.
func TestSmuggling(t *testing.T) {
	uri := brokertest.Embedded(t)
	serve(t, uri, http.HandlerFunc(look))
	address := whole(t, uri)
	const host = "Host: shop.example.org\r\n"
	for _, c := range []struct {
		name, request string
		status        int               // of the first response
		want          func(sight) error // checks what the handler sees
	}{
		{"chunked and a length", "POST /a HTTP/1.1\r\n" + host + "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /evil HTTP/1.1\r\n" + host + "\r\n", 200, func(s sight) error {
			return first(s.Body == "" && s.Header["Transfer-Encoding"] == nil && s.Header["Content-Length"] == nil, s)
		}},
		{"two lengths", "POST /a HTTP/1.1\r\n" + host + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400, nil},
		{"a length with a sign", "POST /a HTTP/1.1\r\n" + host + "Content-Length: +1\r\n\r\na", 400, nil},
		{"an unknown coding", "POST /a HTTP/1.1\r\n" + host + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501, nil},
		{"two codings", "POST /a HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n", 501, nil},
		{"a space before the colon", "POST /a HTTP/1.1\r\n" + host + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400, nil},
		{"a folded line", "GET /a HTTP/1.1\r\n" + host + "X-A: b\r\n Transfer-Encoding: chunked\r\n\r\n", 200, func(s sight) error {
			return first(s.Header.Get("X-A") == "b Transfer-Encoding: chunked" && s.Header["Transfer-Encoding"] == nil, s)
		}},
		{"a chunk size that overflows", "POST /a HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n10000000000000001\r\na\r\n0\r\n\r\n", 400, nil},
		{"two hosts", "GET /a HTTP/1.1\r\n" + host + "Host: evil.example.org\r\n\r\n", 400, nil},
		{"no host", "GET /a HTTP/1.1\r\n\r\n", 400, nil},
		{"a host with a path", "GET /a HTTP/1.1\r\nHost: shop/evil\r\n\r\n", 400, nil},
		{"absolute form", "GET http://other.example.org/b?c HTTP/1.1\r\n" + host + "\r\n", 200, func(s sight) error {
			return first(s.Host == "other.example.org" && s.Target == "/b?c", s)
		}},
		{"an absolute form without a path", "GET http://other.example.org?c HTTP/1.1\r\n" + host + "\r\n", 200, func(s sight) error {
			return first(s.Target == "/?c", s)
		}},
		{"a target that looks like a host", "GET //evil.example.org/a HTTP/1.1\r\n" + host + "\r\n", 200, func(s sight) error {
			return first(s.Target == "//evil.example.org/a" && s.Host == "shop.example.org", s)
		}},
		{"dots", "GET /a/../../etc/passwd HTTP/1.1\r\n" + host + "\r\n", 200, func(s sight) error {
			return first(s.Target == "/a/../../etc/passwd", s)
		}},
		{"escaped dots", "GET /a/%2e%2e%2f..%5c/b HTTP/1.1\r\n" + host + "\r\n", 200, func(s sight) error {
			return first(s.Target == "/a/%2e%2e%2f..%5c/b", s)
		}},
		{"the server itself", "OPTIONS * HTTP/1.1\r\n" + host + "\r\n", 200, nil},
		{"fields of the connection", "GET /a HTTP/1.1\r\n" + host + "Connection: close, X-Private, Authorization\r\nX-Private: a\r\nAuthorization: b\r\nKeep-Alive: c\r\nProxy-Connection: d\r\nProxy-Authorization: e\r\nTE: trailers\r\nX-Kept: f\r\n\r\n", 200, func(s sight) error {
			for _, name := range []string{"Connection", "X-Private", "Authorization", "Keep-Alive", "Proxy-Connection", "Proxy-Authorization", "Te"} {
				if s.Header[name] != nil {
					return fmt.Errorf("%s has crossed", name)
				}
			}
			return first(s.Header.Get("X-Kept") == "f", s)
		}},
		{"Connection names what the front adds", "GET /a HTTP/1.1\r\n" + host + "Connection: Forwarded, X-Request-Id, Host, Content-Length\r\n\r\n", 200, func(s sight) error {
			return first(strings.Contains(s.Header.Get("Forwarded"), "for=127.0.0.1") && s.Header.Get("X-Request-Id") != "", s)
		}},
		{"trailers", "POST /a HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n1\r\na\r\n0\r\nX-Sum: 7\r\n\r\n", 200, func(s sight) error {
			return first(s.Body == "a" && s.Trailer.Get("X-Sum") == "7", s)
		}},
		{"bad trailers", "POST /a HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n1\r\na\r\n0\r\nX-Sum: 7\r\nAuthorization: x\r\nHost: evil\r\nContent-Length: 9\r\nCookie: c\r\n\r\n", 200, func(s sight) error {
			return first(len(s.Trailer) == 1 && s.Header["Authorization"] == nil && s.Header["Cookie"] == nil && s.Host == "shop.example.org", s)
		}},
		{"a trailer that ends the body", "POST /a HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\nTrailer: Transfer-Encoding\r\n\r\n0\r\n\r\n", 400, nil},
		{"a bare CR in a value", "GET /a HTTP/1.1\r\n" + host + "X-A: b\rX-B: c\r\n\r\n", 400, nil},
		{"a NUL in a value", "GET /a HTTP/1.1\r\n" + host + "X-A: b\x00\r\n\r\n", 400, nil},
		{"an escaped CRLF in the query", "GET /a?b=%0d%0aX-B:%20c HTTP/1.1\r\n" + host + "\r\n", 200, func(s sight) error {
			return first(s.Target == "/a?b=%0d%0aX-B:%20c" && s.Header["X-B"] == nil, s)
		}},
		{"a forged Forwarded", "GET /a HTTP/1.1\r\n" + host + "Forwarded: for=10.0.0.1;by=\"x\r\n\r\n", 200, func(s sight) error {
			return first(strings.HasSuffix(s.Header.Get("Forwarded"), ", for=127.0.0.1;host=shop.example.org;proto=http"), s)
		}},
		{"a forged id", "GET /a HTTP/1.1\r\n" + host + "X-Request-Id: a b\r\n\r\n", 200, func(s sight) error {
			return first(s.Header.Get("X-Request-Id") != "a b", s)
		}},
		{"an upgrade", "GET /a HTTP/1.1\r\n" + host + "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n", 501, nil},
		{"an offer of HTTP/2", "GET /a HTTP/1.1\r\n" + host + "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n", 200, func(s sight) error {
			return first(s.Header["Upgrade"] == nil && s.Header["Http2-Settings"] == nil, s)
		}},
		{"CONNECT", "CONNECT other.example.org:443 HTTP/1.1\r\n" + host + "\r\n", 501, nil},
		{"large fields", "GET /a HTTP/1.1\r\n" + host + "X-A: " + strings.Repeat("b", 70<<10) + "\r\n\r\n", 431, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			responses, bodies := raw(t, address, c.request)
			if len(responses) == 0 {
				t.Fatal("got no response")
			}
			if responses[0].StatusCode != c.status || len(responses) > 1 && !strings.Contains(c.request, "/evil") {
				t.Errorf("got %d and %d responses, want one %d: %s", responses[0].StatusCode, len(responses), c.status, bodies)
			}
			if c.want == nil {
				return
			}
			var s sight
			if err := json.Unmarshal([]byte(bodies[0]), &s); err != nil {
				t.Fatalf("%v in %s", err, bodies[0])
			}
			if err := c.want(s); err != nil {
				t.Error(err)
			}
		})
	}
}

// Bytes after a body that the handler does not read are not taken for a request.
func TestUnreadBody(t *testing.T) {
	uri := brokertest.Embedded(t)
	serve(t, uri, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/some" {
			_, _ = io.ReadFull(r.Body, make([]byte, 1000))
		}
		fmt.Fprint(w, r.URL.Path)
	}))
	address := whole(t, uri)
	const evil = "GET /evil HTTP/1.1\r\nHost: shop\r\n\r\n"
	body := strings.Repeat(evil, 1<<20/len(evil))
	for _, path := range []string{"/none", "/some"} {
		for _, framing := range []string{
			fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body),
			fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(body), body),
		} {
			_, bodies := raw(t, address, "POST "+path+" HTTP/1.1\r\nHost: shop\r\n"+framing)
			if len(bodies) > 1 || len(bodies) == 1 && bodies[0] != path { // none if the client was still sending
				t.Errorf("got %q, want the answer to %s", bodies, path)
			}
		}
	}
}

// first returns an error with what was seen, unless it is right.
func first(right bool, s sight) error {
	if right {
		return nil
	}
	return fmt.Errorf("the handler has seen %+v", s)
}

// Fields of an answer that belong to the connection are not forwarded, nor are fields that net/http
// would not send.
func TestAnswerFields(t *testing.T) {
	uri := brokertest.Embedded(t)
	serve(t, uri, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h["Connection"] = []string{"X-Private"}
		h["X-Private"], h["Keep-Alive"], h["Transfer-Encoding"], h["Upgrade"] = []string{"a"}, []string{"b"}, []string{"gzip"}, []string{"c"}
		h["X-Split"] = []string{"a\r\nSet-Cookie: evil=1"}
		h["Bad Name"] = []string{"d"}
		h["Content-Length"] = []string{"5", "6"}
		h["Trailer"] = []string{"Transfer-Encoding, Content-Length, X-Sum"}
		h["X-Kept"] = []string{"e", "f"}
		_, _ = io.WriteString(w, "whole")
		h["X-Sum"] = []string{"1\r\n\r\nHTTP/1.1 200 OK"}
	}))
	responses, bodies := raw(t, whole(t, uri), "GET / HTTP/1.1\r\nHost: shop\r\n\r\n")
	if len(responses) != 1 || bodies[0] != "whole" {
		t.Fatalf("got %d responses, %q", len(responses), bodies)
	}
	h := responses[0].Header
	for _, name := range []string{"X-Private", "Keep-Alive", "Upgrade", "X-Split", "Set-Cookie", "Bad Name"} {
		if h[name] != nil {
			t.Errorf("got the field %s: %q", name, h[name])
		}
	}
	if got := h["X-Kept"]; len(got) != 2 || len(responses[0].Trailer) > 1 {
		t.Errorf("got %q and the trailers %q", got, responses[0].Trailer)
	}
}
