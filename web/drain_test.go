//go:build unix

package web_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/web"
)

// Busy takes some time for each call.
type Busy struct {
	_ service.Name `service:"busy"`

	Entrypoints struct {
		Work web.Route `web:"GET /work/{n}"`
		Post web.Route `web:"POST /work" method:"Read"`
	}
}

func (*Busy) Work(_ context.Context, n int) (int, error) {
	<-time.After(10 * time.Millisecond)
	return n, nil
}

func (*Busy) Read(_ context.Context, r *http.Request) (string, error) {
	<-time.After(10 * time.Millisecond)
	body, err := io.ReadAll(r.Body)
	return string(body), err
}

// Held is answered when the test says so.
type Held struct {
	_ service.Name `service:"held"`

	Entrypoints struct {
		Hold web.Route `web:"GET /hold"`
		Pass web.Route `web:"GET /pass"`
	}

	Begun, Free chan struct{}
}

func (h *Held) Hold(context.Context) (string, error) {
	close(h.Begun)
	<-h.Free
	return "held", nil
}

func (*Held) Pass(context.Context) (string, error) { return "passed", nil }

// askedUntilClosed sends requests until none is accepted. It returns whether the last response
// asked to close the connection, and the last status of the health check.
func askedUntilClosed(t *testing.T, kept *http.Client, url string) (told bool, ready int) {
	t.Helper()
	ready = http.StatusOK
	for {
		answer, err := kept.Get(url + "/pass")
		if err != nil {
			return told, ready
		}
		if _, err := io.Copy(io.Discard, answer.Body); err != nil {
			t.Error(err)
		}
		answer.Body.Close()
		if told && !answer.Close {
			t.Error("a connection was not told to close, when another one was")
		}
		told = answer.Close
		if answer, err := kept.Get(url + "/ready"); err == nil {
			answer.Body.Close()
			ready = answer.StatusCode
		}
	}
}

// A stopping server accepts requests during the drain delay, closes each connection after its
// response, and completes the running requests.
func TestDrain(t *testing.T) {
	t.Parallel()
	h := &Held{Begun: make(chan struct{}), Free: make(chan struct{})}
	p := start(t, web.Config{DrainDelay: time.Second, ReadyPath: "/ready"}, h)
	if status, _, _ := request(t, p, "GET", "/ready", "", ""); status != http.StatusOK {
		t.Errorf("got %d, want 200: it is ready", status)
	}
	held := make(chan string, 1)
	go func() {
		answer, err := p.client.Get(p.url + "/hold")
		if err != nil {
			held <- err.Error()
			return
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		held <- fmt.Sprint(string(text), " ", err, " ", answer.Close)
	}()
	<-h.Begun
	kept := &http.Client{Transport: new(http.Transport)}
	defer kept.CloseIdleConnections()
	stopped := make(chan error, 1)
	ctx, cancel := context.WithTimeout(context.Background(), hosttest.Timeout)
	defer cancel()
	go func() { stopped <- p.Stop(ctx) }()
	told, ready := askedUntilClosed(t, kept, p.url)
	if ready != http.StatusServiceUnavailable {
		t.Errorf("got %d, want 503: it stops", ready)
	}
	if !told {
		t.Error("no connection was told to close")
	}
	select {
	case err := <-stopped:
		t.Errorf("stopped with a request that is not answered: %v", err)
	default:
	}
	close(h.Free)
	// The headers of this response are sent after the stop has begun, and tell the client to close
	// the connection.
	if got, want := <-held, "held <nil> true"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

// A stopping server answers the first request of a connection that it has accepted before, and does
// not wait for one that sends nothing.
func TestDrainFirstRequest(t *testing.T) {
	t.Parallel()
	p := start(t, web.Config{}, &Held{})
	address := strings.TrimPrefix(p.url, "http://")
	dial := func() net.Conn {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return conn
	}
	late, half, _ := dial(), dial(), dial()
	if _, err := io.WriteString(half, "GET /pass HTTP/1.1\r\n"); err != nil {
		t.Fatal(err)
	}
	if status, _, _ := request(t, p, "GET", "/pass", "", ""); status != http.StatusOK { // now all of them have been accepted
		t.Errorf("got %d, want 200", status)
	}
	stopped := make(chan error, 1)
	ctx, cancel := context.WithTimeout(context.Background(), hosttest.Timeout)
	defer cancel()
	go func() { stopped <- p.Stop(ctx) }()
	hosttest.Eventually(t, "the server accepts no connection", func() bool {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
		}
		return err != nil
	})
	for conn, rest := range map[net.Conn]string{late: "GET /pass HTTP/1.1\r\nHost: held\r\n\r\n", half: "Host: held\r\n\r\n"} {
		if _, err := io.WriteString(conn, rest); err != nil {
			t.Fatal(err)
		}
		answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatalf("no response to %q: %v", rest, err)
		}
		if answer.StatusCode != http.StatusOK || !answer.Close {
			t.Errorf("got %s, closed %t, want 200 and a closed connection", answer.Status, answer.Close)
		}
		answer.Body.Close()
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

// asProgram is the variable that makes the test binary run a service.
const asProgram = "GOMEKO_TEST_PROGRAM"

// A program is one process behind the proxy.
type program struct {
	*hosttest.Process
	url   *url.URL
	going atomic.Bool // it has asked to close a connection, so the proxy sends it no further requests
	asked atomic.Int64
}

// launch starts Busy as a program, and returns when it accepts requests.
func launch(t *testing.T) *program {
	t.Helper()
	return launchService(t, "busy", "gomeko: {web: {drain_delay: 1s, access_log: false}}")
}

// launchService starts a service as a program, and returns when it accepts requests.
func launchService(t *testing.T, name, settings string) *program {
	t.Helper()
	config := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(config, []byte("WEB_SERVER_ADDRESS: 127.0.0.1:0\n"+settings), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "run", "--config", config)
	cmd.Env = append(os.Environ(), asProgram+"="+name)
	p := &program{Process: hosttest.StartProcess(t, cmd)}
	var err error
	if p.url, err = url.Parse(strings.TrimPrefix(p.Line("Listening on "), "Listening on ")); err != nil {
		t.Fatal(err)
	}
	return p
}

// stop sends SIGTERM, and waits until the program has ended.
func (p *program) stop(t *testing.T) {
	t.Helper()
	p.Signal(syscall.SIGTERM)
	if status := p.Wait(); status != 0 {
		t.Errorf("the program ended with status %d", status)
	}
}

// A balancer is a load balancer: it sends requests to the programs in turn, except for those that
// are stopping, and retries with the next program if nothing listens.
type balancer struct {
	transport *http.Transport
	turn      atomic.Int64

	mu       sync.Mutex
	programs []*program
}

func (b *balancer) set(programs ...*program) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.programs = programs
}

// next returns the programs in the order in which they are tried.
func (b *balancer) next() []*program {
	b.mu.Lock()
	defer b.mu.Unlock()
	var first, last []*program
	turn := int(b.turn.Add(1))
	for i := range b.programs {
		p := b.programs[(turn+i)%len(b.programs)]
		if p.going.Load() {
			last = append(last, p)
		} else {
			first = append(first, p)
		}
	}
	return append(first, last...)
}

func (b *balancer) RoundTrip(r *http.Request) (answer *http.Response, err error) {
	for _, p := range b.next() {
		to := r.Clone(r.Context())
		to.URL.Scheme, to.URL.Host = p.url.Scheme, p.url.Host
		answer, err = b.transport.RoundTrip(to)
		if dial := (*net.OpError)(nil); errors.As(err, &dial) && dial.Op == "dial" {
			continue
		}
		if err == nil {
			p.asked.Add(1)
			if answer.Close {
				p.going.Store(true)
			}
		}
		return answer, err
	}
	return nil, err
}

// Two programs behind a load balancer are stopped by SIGTERM and replaced, one at a time, under
// load. No request fails.
func TestRollingRestart(t *testing.T) {
	one, two := launch(t), launch(t)
	b := &balancer{transport: &http.Transport{MaxIdleConnsPerHost: 8}}
	b.set(one, two)
	defer b.transport.CloseIdleConnections()
	proxy := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(*httputil.ProxyRequest) {}, Transport: b, ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
		http.Error(w, err.Error(), http.StatusBadGateway)
	}})
	defer proxy.Close()

	var sent, failed atomic.Int64
	over := make(chan struct{})
	var clients sync.WaitGroup
	for i := range 8 {
		clients.Go(func() {
			client := &http.Client{Transport: new(http.Transport)}
			defer client.CloseIdleConnections()
			for n := i; ; n += 8 {
				select {
				case <-over:
					return
				default:
				}
				sent.Add(1)
				if err := work(client, proxy.URL, n); err != nil {
					failed.Add(1)
					t.Error(err)
				}
			}
		})
	}
	busy(t, one, two)
	one.stop(t)
	three := launch(t)
	b.set(three, two)
	busy(t, three, two)
	two.stop(t)
	busy(t, three)
	close(over)
	clients.Wait()
	t.Logf("%d requests, %d failed", sent.Load(), failed.Load())
	three.stop(t)
}

// work sends a request, alternately an idempotent one and one that is not.
func work(client *http.Client, at string, n int) error {
	text := fmt.Sprint(n)
	var answer *http.Response
	var err error
	if n%2 == 0 {
		answer, err = client.Get(at + "/work/" + text)
	} else {
		answer, err = client.Post(at+"/work", "text/plain", strings.NewReader(text))
	}
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	got, err := io.ReadAll(answer.Body)
	if err != nil || string(got) != text {
		return fmt.Errorf("got %s %q, %w, want %q", answer.Status, got, err, text)
	}
	return nil
}

// busy returns when each program has answered more requests.
func busy(t *testing.T, programs ...*program) {
	t.Helper()
	for _, p := range programs {
		enough := p.asked.Load() + 20
		hosttest.Eventually(t, "a program is asked", func() bool { return p.asked.Load() >= enough })
	}
}
