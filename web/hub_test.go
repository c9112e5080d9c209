package web_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/web"
)

// Newsroom sends events to its sockets.
type Newsroom struct {
	_ service.Name `service:"news"`

	Entrypoints struct {
		Watch web.SocketMethod `web:"watch(channel='all')"`
		Tell  web.SocketMethod `web:"tell(text, times=1)"`
	}

	Hub web.Hub

	hubs chan web.Hub // receives the Hub; may be nil
}

func (n *Newsroom) Watch(_ context.Context, s *web.Socket, channel string) error {
	if n.hubs != nil {
		n.hubs <- n.Hub
	}
	return n.Hub.Subscribe(s.ID, channel)
}

func (n *Newsroom) Tell(ctx context.Context, text string, times int) (int, error) {
	for range times {
		if err := n.Hub.Broadcast(ctx, "all", "told", text); err != nil {
			return 0, err
		}
	}
	return times, nil
}

// A method is tested with a literal that contains the functions that it calls.
func TestHubLiteral(t *testing.T) {
	t.Parallel()
	var told []string
	n := &Newsroom{Hub: web.Hub{
		Broadcast: func(_ context.Context, channel, event string, data any) error {
			told = append(told, fmt.Sprint(channel, event, data))
			return nil
		},
		Subscribe: func(string, string) error { return web.ErrConnectionNotFound },
	}}
	if _, err := n.Tell(t.Context(), "rain", 1); err != nil || len(told) != 1 || told[0] != "alltoldrain" {
		t.Errorf("got %q, %v", told, err)
	}
	if err := n.Watch(t.Context(), &web.Socket{ID: "s"}, "all"); !errors.Is(err, web.ErrConnectionNotFound) {
		t.Errorf("got %v, want %v", err, web.ErrConnectionNotFound)
	}
}

// A Hub that the service already has is kept.
func TestHubKept(t *testing.T) {
	t.Parallel()
	told := make(chan any, 1)
	p := start(t, web.Config{}, &Newsroom{Hub: web.Hub{Broadcast: func(_ context.Context, _, _ string, data any) error {
		told <- data
		return nil
	}}})
	ask(t, p.socket(t), asking("tell", `"text": "rain"`, "c"))
	if got := hosttest.Receive(t, "the test's hub", told); got != "rain" {
		t.Errorf("got %v", got)
	}
}

// TestHub checks the results for a socket that is not open, and for data that cannot be encoded.
func TestHub(t *testing.T) {
	t.Parallel()
	hubs := make(chan web.Hub, 1)
	p := start(t, web.Config{}, &Newsroom{hubs: hubs})
	ask(t, p.socket(t), asking("watch", "", "w"))
	hub, ctx := <-hubs, t.Context()
	if err := hub.Subscribe("gone", "all"); !errors.Is(err, web.ErrConnectionNotFound) || err.Error() != "ConnectionNotFound: gone" {
		t.Errorf("subscribe: got %v", err)
	}
	hub.Unsubscribe("gone", "all")
	if got := hub.Subscriptions("gone"); got == nil || len(got) > 0 {
		t.Errorf("subscriptions: got %#v, want an empty list", got)
	}
	if ok, err := hub.Unicast(ctx, "gone", "e", 1); ok || err != nil {
		t.Errorf("unicast: got %t, %v", ok, err)
	}
	if err := hub.Broadcast(ctx, "all", "e", func() {}); err == nil || !strings.Contains(err.Error(), "event e on channel all: cannot encode as JSON") {
		t.Errorf("broadcast of a func: got %v", err)
	}
	if _, err := hub.Unicast(ctx, "gone", "e", exploding{}); err == nil || !strings.Contains(err.Error(), "panic: secret") {
		t.Errorf("unicast of what panics: got %v", err)
	}
}

// A closed socket has no subscriptions.
func TestSubscriptionsEnd(t *testing.T) {
	t.Parallel()
	p := start(t, web.Config{}, new(Vectored))
	conn := p.dial(t, nil)
	id := anyID.FindString(string(readFrame(t, conn)))
	ask(t, conn, asking("subscribe", `"channel": "b"`, "1"))
	ask(t, conn, asking("subscribe", `"channel": "a"`, "2"))
	if got := ask(t, conn, asking("subs", "", "3")); !strings.Contains(got, `["a", "b"]`) {
		t.Errorf("got %s, want them sorted", got)
	}
	conn.Close()
	other := p.socket(t)
	hosttest.Eventually(t, "the server notices that the socket is gone", func() bool {
		got := ask(t, other, asking("unicast", fmt.Sprintf(`"target": %q, "value": 1`, id), "4"))
		return strings.Contains(got, `"data": false`)
	})
}

// A socket that reads nothing does not delay the others. When its queue is full, it is closed with
// 1008, provided that it still reads the close frame.
func TestSlow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := inMemory(t, web.Sockets{Queue: 2000}, new(Newsroom))
		slow, fast := p.dial(t), p.dial(t)
		for _, conn := range []*websocket.Conn{slow, fast} {
			readFrame(t, conn)
			ask(t, conn, asking("watch", "", "w"))
		}
		began := time.Now()
		const times = 50  // each takes more than 100 bytes
		for range times { // slow reads nothing; the pipe has no buffer
			write(t, fast, websocket.TextMessage, asking("tell", fmt.Sprintf(`"text": %q`, strings.Repeat("x", 50)), "t"))
			readFrame(t, fast)
			readFrame(t, fast)
		}
		if took := time.Since(began); took > 0 {
			t.Errorf("a slow socket delayed a fast one by %s", took)
		}
		readFrame(t, slow) // the frame that was being written; the rest has been dropped
		if got := closeCode(t, slow); got != websocket.ClosePolicyViolation {
			t.Errorf("got %d, want 1008", got)
		}
	})
}

// A socket that does not even read the close frame is disconnected at the deadline.
func TestStuck(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := inMemory(t, web.Sockets{Ping: -1}, new(Newsroom))
		stuck, fast := p.dial(t), p.dial(t)
		readFrame(t, stuck)
		ask(t, stuck, asking("watch", "", "w"))
		readFrame(t, fast)
		ask(t, fast, asking("tell", `"text": "rain"`, "t"))
		time.Sleep(11 * time.Second) // in the bubble
		if _, err := io.ReadAll(stuck.NetConn()); err != nil {
			t.Errorf("got %v, want that the socket was cut", err)
		}
	})
}

// With DropEvents, a slow socket loses its oldest events, but no answers.
func TestDropEvents(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := inMemory(t, web.Sockets{Queue: 1000, DropEvents: true}, new(Newsroom))
		slow, fast := p.dial(t), p.dial(t)
		readFrame(t, slow)
		ask(t, slow, asking("watch", "", "w"))
		readFrame(t, fast)
		write(t, slow, websocket.TextMessage, asking("watch", `"channel": "other"`, "answer"))
		synctest.Wait()
		for i := range 100 {
			ask(t, fast, asking("tell", fmt.Sprintf(`"text": "%d"`, i), "t"))
		}
		var got []string
		for len(got) == 0 || !strings.Contains(got[len(got)-1], `"99"`) {
			got = append(got, string(readFrame(t, slow)))
		}
		if len(got) < 3 || len(got) > 20 || !strings.Contains(got[0], `"answer"`) {
			t.Errorf("got %d frames, want the answer and the last events:\n%s", len(got), strings.Join(got, "\n"))
		}
	})
}

// An answer that does not fit waits, and delays further requests. A client that sends but does not
// read therefore takes no memory.
func TestBackPressure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := inMemory(t, web.Sockets{Queue: 500}, new(Vectored))
		conn := p.dial(t)
		readFrame(t, conn)
		const asked = 100
		var all sync.WaitGroup
		all.Go(func() {
			for i := range asked {
				write(t, conn, websocket.TextMessage, asking("echo", fmt.Sprintf(`"value": %d`, i), "c"))
			}
		})
		synctest.Wait() // until all goroutines are blocked
		for i := range asked {
			if got := string(readFrame(t, conn)); !strings.Contains(got, fmt.Sprintf(`"data": %d,`, i)) {
				t.Fatalf("got %s, want the answer %d", got, i)
			}
		}
		all.Wait()
	})
}
