package connection_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Relay calls All.
type Relay struct {
	_ service.Name `service:"relay"`

	Entrypoints struct {
		Ask rpc.Method `rpc:"ask(method, later)"`
	}

	All rpc.Client `rpc:"all"`
}

// Ask calls a method, directly or with Go.
func (r *Relay) Ask(ctx context.Context, method string, later bool) error {
	if later {
		return r.All.Go(ctx, method).Result(ctx, nil)
	}
	return r.All.Call(ctx, method, nil)
}

type sentKey struct{}

// observed records what observers receive. It is sorted for comparison.
type observed struct {
	mu   sync.Mutex
	told []string
}

func (o *observed) note(format string, args ...any) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.told = append(o.told, fmt.Sprintf(format, args...))
}

func (o *observed) all() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Sorted(slices.Values(o.told))
}

// messages observes messages that are sent. It marks them with a header, and looks for the header
// in the resulting calls.
func (o *observed) messages() service.Observer {
	return service.Observer{
		SendBegan: func(ctx context.Context, m service.Message) context.Context {
			m.Headers["mark"] = m.Kind
			return context.WithValue(ctx, sentKey{}, m.Kind)
		},
		SendEnded: func(ctx context.Context, m service.Message, took time.Duration, err error) {
			if ctx.Value(sentKey{}) != m.Kind || took < 0 || m.Size == 0 {
				err = fmt.Errorf("the wrong context, %s or %d bytes", took, m.Size)
			}
			if remote := (*rpc.Error)(nil); errors.As(err, &remote) {
				err = errors.New(remote.Type)
			}
			o.note("%s sent to %q %q, service %q, method %q: %v", m.Kind, m.Exchange, m.Key, m.Service, m.Method, err)
		},
		CallBegan: func(ctx context.Context, c service.ObservedCall) context.Context {
			o.note("%s call of %s.%s with the mark %q", c.Entry.Kind(), c.Service, c.Method, c.Header.Get("mark"))
			return ctx
		},
	}
}

// TestMessagesAreObserved observes the messages that services send, and the resulting calls.
func TestMessagesAreObserved(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		all, o := &All{taken: make(chan string, 10)}, &observed{}
		hosttest.Start(t, hosttest.Config{Broker: transport.Config{URI: uri}}, all, new(Relay), service.Configure(o.messages()))
		relay := hosttest.Caller(t, transport.Config{URI: uri}, rpc.Config{}).Client("relay")
		for _, later := range []bool{false, true} {
			if err := relay.Call(t.Context(), "ask", nil, "serve", later); err != nil {
				t.Fatal(err)
			}
			<-all.taken
			<-all.taken
			if err := relay.Call(t.Context(), "ask", nil, "fly", later); err == nil {
				t.Fatal("a call of a method that does not exist succeeded")
			}
		}
		once := []string{
			`rpc call of relay.ask with the mark ""`,
			`rpc call of relay.ask with the mark ""`,
			`rpc sent to "nameko-rpc" "all.serve", service "all", method "serve": <nil>`,
			`rpc call of all.serve with the mark "rpc"`,
			`events sent to "all.events" "done", service "all", method "done": <nil>`,
			`events call of all.take with the mark "events"`,
			`messaging sent to "" "all", service "", method "": <nil>`,
			`messaging call of all.take with the mark "messaging"`,
			`rpc sent to "nameko-rpc" "all.fly", service "all", method "fly": MethodNotFound`,
		}
		want := slices.Sorted(slices.Values(slices.Concat(once, once)))
		hosttest.Eventually(t, "the end of the last call", func() bool { return len(o.all()) == len(want) })
		if got := o.all(); !slices.Equal(got, want) {
			t.Errorf("told\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})
}

// TestConnectionsAreObserved cuts the connections of a process.
func TestConnectionsAreObserved(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		var mu sync.Mutex
		var open []net.Conn
		back, o := make(chan bool, 4), &observed{}
		broker := transport.Config{URI: uri, Name: "test", Dial: func(ctx context.Context, addr string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
			mu.Lock()
			open = append(open, conn)
			mu.Unlock()
			return conn, err
		}}
		h := hosttest.Start(t, hosttest.Config{Broker: broker}, &All{taken: make(chan string, 1)}, service.Configure(service.Observer{
			Connected: func(c service.Connection) {
				o.note("%s (%s) connected to %s, again %t", c.Name, c.Purpose, c.Broker, c.Away > 0)
				back <- true
			},
			Disconnected: func(c service.Connection) { o.note("%s (%s) disconnected, lost %t", c.Name, c.Purpose, c.Err != nil) },
		}))
		mu.Lock()
		lost := slices.Clone(open)
		mu.Unlock()
		for _, conn := range lost {
			conn.Close()
		}
		for range 4 {
			<-back
		}
		names := map[string]string{"rpc and publishing": "test", "events and messages": "test consuming"}
		for purpose := range names {
			h.Log.Wait(t, 1, "reconnected to the broker", fmt.Sprintf("purpose=%q", purpose))
		}
		hosttest.Close(t, h.Stop)
		address := transport.Config{URI: uri}.String()
		want := map[string]bool{}
		for purpose, name := range names {
			for _, change := range []string{
				"connected to " + address + ", again false", "disconnected, lost true",
				"connected to " + address + ", again true", "disconnected, lost false",
			} {
				want[name+" ("+purpose+") "+change] = true
			}
		}
		if got := o.all(); !slices.Equal(got, slices.Sorted(maps.Keys(want))) {
			t.Errorf("told\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(slices.Sorted(maps.Keys(want)), "\n"))
		}
	})
}
