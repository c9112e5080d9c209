package web_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/web"
)

// tightened is a configuration with low limits.
var tightened = web.Config{
	HeaderTimeout: time.Second, ReadTimeout: time.Second, WriteTimeout: time.Second,
	MaxHeader: 4 << 10, MaxBody: 1 << 10,
}

// raw sends bytes and returns the status of the response, or 0 if the connection was closed without
// one.
func (p *process) raw(t *testing.T, parts ...string) (status int, text string) {
	t.Helper()
	conn := p.tcp(t)
	for _, part := range parts {
		if _, err := io.WriteString(conn, part); err != nil {
			break // the server may have closed the connection
		}
	}
	return answered(t, conn)
}

func answered(t *testing.T, conn net.Conn) (status int, text string) {
	t.Helper()
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal("it was neither answered nor cut")
	}
	if err != nil {
		return 0, err.Error()
	}
	defer answer.Body.Close()
	data, _ := io.ReadAll(answer.Body) // a truncated body is fine
	return answer.StatusCode, string(data)
}

// Hostile requests get the right status or are disconnected, while other requests are served.
func TestHostile(t *testing.T) {
	t.Parallel()
	p := start(t, tightened, newSite(t), new(Shop))
	const head = " HTTP/1.1\r\nHost: x\r\n"
	post := "POST /things" + head + "Content-Type: application/json\r\n"
	large := strings.Repeat("x", 2<<10)
	for _, c := range []struct {
		name  string
		parts []string
		want  []int
	}{
		{"slow headers", []string{"GET /plain" + head + "X-Slow: "}, []int{0, 408}},
		{"slow body", []string{post + "Content-Length: 100\r\n\r\n{"}, []int{408}},
		{"slow body of a method", []string{"POST /written" + head + "Content-Length: 100\r\n\r\n{"}, []int{408}},
		{"slow chunks", []string{post + "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"}, []int{408}},
		{"body over the limit", []string{post + "Content-Length: 2048\r\n\r\n", large}, []int{413}},
		{"chunks over the limit", []string{post + "Transfer-Encoding: chunked\r\n\r\n800\r\n" + large + "\r\n0\r\n\r\n"}, []int{413}},
		{"chunks over the limit of a method", []string{"POST /written" + head + "Transfer-Encoding: chunked\r\n\r\n800\r\n" + large + "\r\n0\r\n\r\n"}, []int{413}},
		{"a huge length", []string{post + "Content-Length: 99999999999\r\n\r\n"}, []int{413}},
		{"no length", []string{post + "Content-Length: x\r\n\r\n"}, []int{400}},
		{"two lengths", []string{post + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n{}"}, []int{400}},
		{"broken chunks", []string{post + "Transfer-Encoding: chunked\r\n\r\nzz\r\n"}, []int{400}},
		{"many headers", []string{"GET /plain" + head, strings.Repeat("X-Flood: 0123456789\r\n", 2000), "\r\n"}, []int{431}},
		{"a long header", []string{"GET /plain" + head + "X-Flood: " + strings.Repeat("x", 20<<10) + "\r\n\r\n"}, []int{431}},
		{"a long path", []string{"GET /" + strings.Repeat("x", 20<<10) + head + "\r\n"}, []int{431}},
		{"no HTTP", []string{"\x16\x03\x01 hello\r\n\r\n"}, []int{400}},
		{"no host", []string{"GET /plain HTTP/1.1\r\n\r\n"}, []int{400}},
		{"another version", []string{"GET /plain HTTP/9.9\r\nHost: x\r\n\r\n"}, []int{400, 505}},
		{"bad UTF-8 in a path", []string{"GET /files/%ff%fe" + head + "Connection: close\r\n\r\n"}, []int{400}},
		{"bad UTF-8 in a query", []string{"GET /things?id=1&name=%ff" + head + "Connection: close\r\n\r\n"}, []int{400}},
		{"a broken query", []string{"GET /things?id=%zz&name=x" + head + "Connection: close\r\n\r\n"}, []int{400}},
		{"bad UTF-8 in a form", []string{"POST /things" + head + "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 12\r\n\r\nid=1&name=\xff\xff"}, []int{400}},
		{"bad UTF-8 in a header", []string{"GET /things?id=1&name=x" + head + "X-Tenant: \xff\r\nConnection: close\r\n\r\n"}, []int{400}},
		{"deep JSON", []string{post + "Content-Length: 1000\r\n\r\n{\"sizes\": " + strings.Repeat("[", 990)}, []int{400}},
		{"a path out of the files", []string{"GET /static/../edge_test.go" + head + "Connection: close\r\n\r\n"}, []int{301, 307, 404}},
		{"an escaped path out of the files", []string{"GET /static/%2e%2e/%2e%2e/edge_test.go" + head + "Connection: close\r\n\r\n"}, []int{301, 307, 400, 404}},
		{"backslashes out of the files", []string{"GET /static/..%5c..%5cedge_test.go" + head + "Connection: close\r\n\r\n"}, []int{400, 404}},
		{"slashes out of the files", []string{"GET /static/..%2f..%2fedge_test.go" + head + "Connection: close\r\n\r\n"}, []int{301, 307, 400, 404}},
		{"a zero byte out of the files", []string{"GET /static/page.html%00" + head + "Connection: close\r\n\r\n"}, []int{400, 404, 500}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			status, text := p.raw(t, c.parts...)
			found := false
			for _, want := range c.want {
				found = found || status == want
			}
			if !found || strings.Contains(text, "package web") {
				t.Errorf("got %d %q, want %v", status, text, c.want)
			}
			if status, _, text := request(t, p, "GET", "/plain", "", ""); status != 200 || text != "héllo" {
				t.Errorf("another client got %d %q", status, text)
			}
		})
	}
}

// The limits of requests also apply to HTTP/2. The stream is reset, and the connection stays open.
func TestHostileHTTP2(t *testing.T) {
	t.Parallel()
	cfg := tightened
	cfg.H2C = true
	p := start(t, cfg, new(Shop))
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	p.client = &http.Client{Transport: &http.Transport{Protocols: protocols}}
	t.Cleanup(p.client.CloseIdleConnections)
	never, end := io.Pipe()
	defer end.Close()
	for name, c := range map[string]struct {
		body io.Reader
		want int
	}{
		"large": {io.LimitReader(endless{}, 2<<10), http.StatusRequestEntityTooLarge},
		"slow":  {never, http.StatusRequestTimeout},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.url+"/things", c.body)
		if err != nil {
			t.Fatal(err)
		}
		if status, _, _ := do(t, p, r); status != c.want {
			t.Errorf("%s: got %d, want %d", name, status, c.want)
		}
		if status, _, _ := request(t, p, "GET", "/plain", "", ""); status != 200 {
			t.Errorf("%s: got %d for the next one, want 200", name, status)
		}
	}
}

// endless is an infinite body of spaces.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// The response to a request with many faults is short.
func TestManyFaults(t *testing.T) {
	t.Parallel()
	p := start(t, web.Config{}, new(Shop))
	var body strings.Builder
	body.WriteString(`{"id": "` + strings.Repeat("x", 1<<20) + `"`)
	for i := range 20_000 {
		fmt.Fprintf(&body, `, "%d": 1`, i)
	}
	status, _, text := request(t, p, "POST", "/things", jsonType, body.String()+"}")
	if status != 400 || len(text) > 10_000 {
		t.Errorf("got %d and %d bytes, want 400 in a few", status, len(text))
	}
	status, _, text = request(t, p, "POST", "/things", formType, "name=x&id="+strings.Repeat("x", 1<<20))
	if status != 400 || len(text) > 1_000 {
		t.Errorf("got %d and %d bytes, want 400 in a few", status, len(text))
	}
}

// Slow clients occupy connections, but no workers, and do not delay others.
func TestSlowloris(t *testing.T) {
	t.Parallel()
	p := start(t, tightened, new(Shop))
	slow := make([]net.Conn, 200)
	for i := range slow {
		slow[i] = p.tcp(t)
		fmt.Fprint(slow[i], "POST /things HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n")
	}
	if status, _, _ := request(t, p, "GET", "/plain", "", ""); status != 200 {
		t.Errorf("got %d, want 200", status)
	}
	for _, conn := range slow {
		if status, _ := answered(t, conn); status != 0 && status != 408 {
			t.Errorf("got %d, want to be cut", status)
		}
	}
}

// A client that does not read its stream is disconnected, and the method sees an error.
func TestStalledReader(t *testing.T) {
	t.Parallel()
	out, in := io.Pipe()
	tr := &trace{out: out}
	p := startLedgerConfigured(t, tr, tightened)
	conn := p.tcp(t)
	fmt.Fprint(conn, "GET /export HTTP/1.1\r\nHost: x\r\n\r\n")
	part := make([]byte, 64<<10)
	for {
		if _, err := in.Write(part); err != nil {
			break // the method's reader was closed
		}
	}
	hosttest.Close(t, p.Stop)
}
