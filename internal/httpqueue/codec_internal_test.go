package httpqueue

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/internal/golden"
	"github.com/gomeko/gomeko/transport"
)

// A vector is a request in the form in which a client sends it, and the headers of its message.
type vector struct {
	Name    string          `json:"name"`
	HTTP    string          `json:"http"`
	Remote  string          `json:"remote"`
	TLS     bool            `json:"tls,omitempty"`
	Body    string          `json:"body"`
	Headers transport.Table `json:"headers"`
}

// vectors returns requests of all kinds.
func vectors() []vector {
	const host = "\r\nHost: shop.example.org\r\n"
	return []vector{
		{Name: "get", HTTP: "GET /items/7?tag=a&tag=b HTTP/1.1" + host + "Accept: text/html\r\nAccept: */*\r\n\r\n", Remote: "192.0.2.1:4711"},
		{Name: "post", HTTP: "POST /items HTTP/1.1" + host + "Content-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello", Remote: "192.0.2.1:4711"},
		{Name: "chunked with a trailer", HTTP: "POST /a%2Fb HTTP/1.1" + host + "Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\nab\r\n0\r\nX-Sum: 7\r\n\r\n", Remote: "192.0.2.1:4711"},
		{Name: "tls and ipv6", HTTP: "DELETE / HTTP/1.1\r\nHost: [2001:db8::1]:8443\r\n\r\n", Remote: "[2001:db8::2%eth0]:4711", TLS: true},
		{Name: "through a proxy", HTTP: "GET / HTTP/1.1" + host + "Forwarded: for=198.51.100.1\r\nX-Forwarded-For: 198.51.100.1\r\n\r\n", Remote: "@"},
		{Name: "of one connection", HTTP: "GET / HTTP/1.1" + host + "Connection: X-Private, Forwarded\r\nX-Private: a\r\nTe: trailers\r\nUpgrade: h2c\r\n\r\n", Remote: "192.0.2.1:4711"},
		{Name: "options of the server", HTTP: "OPTIONS * HTTP/1.1" + host + "\r\n", Remote: "192.0.2.1:4711"},
	}
}

// message returns the message for a request that a client sends.
func (v *vector) message(t testing.TB) (*request, *transport.Delivery) {
	t.Helper()
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(v.HTTP)))
	if err != nil {
		t.Fatal(err)
	}
	r.RemoteAddr = v.Remote
	if v.TLS {
		r.TLS = new(tls.ConnectionState)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	m := requestOf(r, body, false, "the-id")
	p := message(requestType, "gomeko.http.shop", "gomeko.front-1", "1", m.headers(), body)
	return m, &transport.Delivery{Properties: p.Properties, Body: p.Body}
}

// The headers of the messages are those in testdata/requests.json, and a backend reads from them
// what the front has written.
func TestRequestVectors(t *testing.T) {
	all := vectors()
	for i := range all {
		v := &all[i]
		m, d := v.message(t)
		v.Headers, v.Body = d.Headers, string(d.Body)
		got, err := readRequest(d)
		if err != nil {
			t.Errorf("%s: %v", v.Name, err)
			continue
		}
		if got.target != m.target || got.host != m.host || string(got.body) != string(m.body) || got.length != m.length {
			t.Errorf("%s: got %+v, want %+v", v.Name, got, m)
		}
		if again := got.headers(); !reflect.DeepEqual(again, d.Headers) {
			t.Errorf("%s: got %v, want %v", v.Name, again, d.Headers)
		}
	}
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(all); err != nil {
		t.Fatal(err)
	}
	golden.File(t, "testdata/requests.json", text.Bytes())
}

// No message makes a backend fail, and a message that it accepts is a valid HTTP request.
func FuzzReadRequest(f *testing.F) {
	for _, v := range vectors() {
		_, d := v.message(f)
		var fields []string
		list, _ := d.Headers[fieldsHeader].([]any)
		for _, one := range list {
			fields = append(fields, one.(string))
		}
		f.Add(text(d, methodHeader), text(d, targetHeader), text(d, hostHeader), strings.Join(fields, "\x1f"), "X-Sum", d.Headers[lengthHeader].(int64), false, d.Body)
	}
	f.Add("GET", "/", "a", "X\x1fb\r\nEvil: c", "Content-Length", int64(-1), true, []byte(nil))
	f.Fuzz(func(t *testing.T, method, target, host, fields, trailer string, length int64, streamed bool, body []byte) {
		var list []any
		for one := range strings.SplitSeq(fields, "\x1f") {
			list = append(list, one)
		}
		d := &transport.Delivery{Body: body, Properties: transport.Properties{Type: requestType, ReplyTo: "a", CorrelationID: "b", Headers: transport.Table{
			methodHeader: method, targetHeader: target, hostHeader: host, schemeHeader: "http", remoteHeader: "127.0.0.1:1",
			lengthHeader: length, fieldsHeader: list, streamHeader: streamed, announcedHeader: []any{trailer},
		}}}
		m, err := readRequest(d)
		if err != nil {
			return
		}
		r := m.http()
		var written bytes.Buffer
		r.Body = io.NopCloser(bytes.NewReader(body))
		if r.ContentLength != int64(len(body)) {
			r.ContentLength = int64(len(body)) // of a HEAD request, or unknown
		}
		maps.DeleteFunc(r.Header, func(name string, _ []string) bool { return name == "Content-Length" })
		if r.Host == "" || target == "*" {
			return // an HTTP/1.0 request, or one without a URL
		}
		r.URL.Scheme, r.URL.Host, r.TransferEncoding, r.Trailer = "http", r.Host, nil, nil
		if err := r.Write(&written); err != nil {
			t.Skip() // net/http's client is stricter
		}
		again, err := http.ReadRequest(bufio.NewReader(&written))
		if err != nil {
			t.Fatalf("%v: net/http does not read what was accepted: %q", err, written.Bytes())
		}
		if again.Method != m.method {
			t.Errorf("got the method %q, want %q", again.Method, m.method)
		}
		for name := range again.Header {
			if hopByHop[name] {
				t.Errorf("the field %s has crossed", name)
			}
		}
	})
}

// No message makes a front fail, and an answer that it accepts can be written.
func FuzzReadAnswer(f *testing.F) {
	f.Add(int64(200), "Content-Type\x1ftext/html", "X-Sum", "X-Sum\x1f7")
	f.Add(int64(99), "A", "", "Content-Length\x1f5")
	f.Add(int64(204), "Transfer-Encoding\x1fchunked\x1fContent-Length\x1f-1", "Trailer", "Bad Name\x1f\r\n")
	f.Fuzz(func(t *testing.T, status int64, fields, announced, trailers string) {
		split := func(text string) (list []any) {
			for one := range strings.SplitSeq(text, "\x1f") {
				list = append(list, one)
			}
			return list
		}
		d := &transport.Delivery{Properties: transport.Properties{Headers: transport.Table{
			statusHeader: status, fieldsHeader: split(fields), announcedHeader: split(announced), trailersHeader: split(trailers),
		}}}
		a, err := readAnswer(d)
		if err != nil {
			return
		}
		w := sink{http.Header{}}
		a.write(w)
		a.writeTrailers(w, d)
		for name, values := range w.h {
			name = strings.TrimPrefix(name, http.TrailerPrefix)
			if hopByHop[name] && name != "Trailer" || !isToken(name) {
				t.Errorf("the field %q has crossed", name)
			}
			for _, value := range values {
				if !isValue(value) {
					t.Errorf("the value %q has crossed", value)
				}
			}
		}
	})
}

// A sink is an http.ResponseWriter that only keeps the header.
type sink struct{ h http.Header }

func (s sink) Header() http.Header         { return s.h }
func (s sink) Write(p []byte) (int, error) { return len(p), nil }
func (s sink) WriteHeader(int)             {}

// A front adds an element to Forwarded in the syntax of RFC 7239.
func TestForwarded(t *testing.T) {
	for _, c := range []struct{ remote, host, scheme, want string }{
		{"192.0.2.1:80", "shop", "http", "for=192.0.2.1;host=shop;proto=http"},
		{"192.0.2.1:80", "shop:8080", "https", `for=192.0.2.1;host="shop:8080";proto=https`},
		{"[2001:db8::1]:80", "[2001:db8::2]", "http", `for="[2001:db8::1]";host="[2001:db8::2]";proto=http`},
		{"[fe80::1%eth0]:80", "", "http", `for="[fe80::1]";proto=http`},
		{"@", `shop"`, "http", "for=unknown;proto=http"},
	} {
		if got := forwarded(c.remote, c.host, c.scheme); got != c.want {
			t.Errorf("%s %s: got %s, want %s", c.remote, c.host, got, c.want)
		}
	}
}
