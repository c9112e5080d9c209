package httpqueue_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/internal/httpqueue"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/web"
)

// largeBody is the size of a body that would not fit into the memory allowed by the test.
const largeBody = 100 << 20

// zeros is a body of n bytes. It records the largest heap while it is read.
type zeros struct {
	n    int64
	read int64
	heap *atomic.Uint64
}

func (z *zeros) Read(p []byte) (int, error) {
	if z.n == 0 {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), z.n))
	clear(p[:n])
	z.n -= int64(n)
	z.read += int64(n)
	if z.read > 10<<20 {
		z.read = 0
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		z.heap.Store(max(z.heap.Load(), m.HeapAlloc))
	}
	return n, nil
}

// 100 MB are sent and received at the same time, but only little of it is in memory: front, broker
// and backend together take less than half.
func TestLarge(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		var heap atomic.Uint64
		serve(t, uri, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			n, err := io.Copy(io.Discard, r.Body)
			if n != largeBody || err != nil {
				t.Errorf("got %d bytes and %v, want %d", n, err, largeBody)
			}
			_, _ = io.Copy(struct{ io.Writer }{w}, &zeros{n: largeBody, heap: &heap})
		}))
		url := front(t, uri, web.Config{MaxBody: 1 << 30, MaxInFlight: 1 << 30})
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, &zeros{n: largeBody, heap: &heap})
		if err != nil {
			t.Fatal(err)
		}
		response, err := client(t).Do(request)
		if err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(io.Discard, response.Body)
		response.Body.Close()
		if n != largeBody || err != nil || response.StatusCode != http.StatusOK {
			t.Errorf("got %d, %d bytes and %v, want 200 and %d", response.StatusCode, n, err, largeBody)
		}
		if got := heap.Load(); got > largeBody/2 {
			t.Errorf("got a heap of %d MB, want less than 50", got>>20)
		}
		t.Logf("heap: %d MB", heap.Load()>>20)
	})
}

// The handler echoes while the client is still sending, so nothing waits for the end of the body.
func TestBothWays(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		serve(t, uri, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) }))
		url := front(t, uri, web.Config{})
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, io.LimitReader(&zeros{n: 4 << 20, heap: new(atomic.Uint64)}, 4<<20))
		if err != nil {
			t.Fatal(err)
		}
		response, err := client(t).Do(request)
		if err != nil {
			t.Fatal(err)
		}
		if got := len(read(t, response)); got != 4<<20 {
			t.Errorf("got %d bytes, want %d", got, 4<<20)
		}
	})
}

// Flushed data arrives while the handler is still running, and the handler's ctx ends when the
// client disconnects.
func TestFlushAndLeave(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		ended := make(chan error, 1)
		serve(t, uri, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			fmt.Fprint(w, "data: 1\n\n")
			w.(http.Flusher).Flush()
			<-r.Context().Done()
			ended <- context.Cause(r.Context())
		}))
		url := front(t, uri, web.Config{})
		client := client(t)
		response, err := client.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		event := make([]byte, len("data: 1\n\n"))
		if _, err := io.ReadFull(response.Body, event); err != nil || string(event) != "data: 1\n\n" {
			t.Errorf("got %q and %v, want an event", event, err)
		}
		response.Body.Close()
		client.CloseIdleConnections()
		if err := hosttest.Receive(t, "the end of the handler's ctx", ended); err == nil {
			t.Error("got no cause")
		}
	})
}

// A client that disconnects before there is an answer also ends the handler's ctx, although the
// front does not know which process runs the request.
func TestLeaveEarly(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		began, ended := make(chan bool, 1), make(chan error, 1)
		serve(t, uri, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			began <- true
			<-r.Context().Done()
			ended <- context.Cause(r.Context())
		}))
		url := front(t, uri, web.Config{})
		ctx, cancel := context.WithCancel(t.Context())
		request, _ := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		done := make(chan error, 1)
		client := client(t)
		go func() {
			_, err := client.Do(request) //nolint:bodyclose // there is none
			done <- err
		}()
		hosttest.Receive(t, "the handler", began)
		cancel()
		hosttest.Receive(t, "the end of the handler's ctx", ended)
		if err := hosttest.Receive(t, "the client", done); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want context.Canceled", err)
		}
	})
}

// If the front's limit is exceeded, the client gets 504, and the handler's ctx ends.
func TestOverTime(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		ended := make(chan error, 1)
		serve(t, uri, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			ended <- context.Cause(r.Context())
		}))
		url := front(t, uri, web.Config{Timeout: 2 * time.Second})
		response, err := client(t).Get(url)
		if err != nil {
			t.Fatal(err)
		}
		if got := read(t, response); response.StatusCode != http.StatusGatewayTimeout || !strings.Contains(got, `"GatewayTimeout"`) {
			t.Errorf("got %d %s, want 504", response.StatusCode, got)
		}
		hosttest.Receive(t, "the end of the handler's ctx", ended)
	})
}

// The timeout of the backend's row limits the handler: the client gets 504.
func TestRowTimeout(t *testing.T) {
	uri := brokertest.Embedded(t)
	start(t, uri, new(Slow))
	response, err := client(t).Get(front(t, uri, web.Config{}))
	if err != nil {
		t.Fatal(err)
	}
	if got := read(t, response); response.StatusCode != http.StatusGatewayTimeout || !strings.Contains(got, "call slow.site.") {
		t.Errorf("got %d %s, want 504 with the call's id", response.StatusCode, got)
	}
}

// Slow has a handler that does not return in time.
type Slow struct {
	_ service.Name `service:"slow"`

	Entrypoints struct {
		Site web.Backend `web:"shop" timeout:"50ms"`
	}
}

func (*Slow) Site(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// A client that reads nothing makes the handler wait. It is disconnected after the time limit for
// readers, and the handler's ctx ends. Other clients are served in the meantime.
func TestSlowClient(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		ended := make(chan int64, 1)
		serve(t, uri, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/quick" {
				_, _ = io.WriteString(w, "quick")
				return
			}
			n, _ := io.Copy(w, &zeros{n: 1 << 30, heap: new(atomic.Uint64)})
			ended <- n
		}))
		url := front(t, uri, web.Config{WriteTimeout: 2 * time.Second})
		client := client(t)
		response, err := client.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		if quick, err := client.Get(url + "/quick"); err != nil || read(t, quick) != "quick" {
			t.Errorf("got %v, want an answer", err)
		}
		if n := hosttest.Receive(t, "the end of the handler", ended); n > 64<<20 {
			t.Errorf("got %d bytes written to a client that reads nothing", n)
		}
	})
}

// A client that sends its body slowly occupies no worker until 256 KiB have arrived. If a client
// stops in the middle of a large body, the handler gets an error.
func TestSlowUpload(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		began, failed := make(chan bool, 1), make(chan error, 1)
		serve(t, uri, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			began <- true
			_, err := io.Copy(io.Discard, r.Body)
			failed <- err
		}))
		url := front(t, uri, web.Config{})
		reader, writer := io.Pipe()
		request, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, url, reader)
		client := client(t)
		go func() {
			if response, err := client.Do(request); err == nil {
				response.Body.Close()
			}
		}()
		if _, err := writer.Write(make([]byte, 200<<10)); err != nil || len(began) > 0 {
			t.Errorf("got %v and %d requests that run, want none yet", err, len(began))
		}
		if _, err := writer.Write(make([]byte, 200<<10)); err != nil {
			t.Error(err)
		}
		hosttest.Receive(t, "the handler", began)
		writer.CloseWithError(errors.New("the client is gone"))
		if err := hosttest.Receive(t, "the handler's read", failed); err == nil {
			t.Error("got no error of a body that is cut off")
		}
	})
}

// quick makes both ends of a body detect each other's death quickly.
var quick = service.Configure(httpqueue.Config{Beat: 500 * time.Millisecond})
