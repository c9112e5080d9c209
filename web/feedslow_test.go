package web_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/servicetest"
	"github.com/gomeko/gomeko/web"
)

// large is an event that takes much memory.
type large struct {
	N    int
	Text string
}

func largeEvent(n, size int) large { return large{n, strings.Repeat("x", size)} }

// number returns the number of a large event, from the lines of its block, or -1.
func number(lines []string) int {
	for _, line := range lines {
		var n int
		if _, err := fmt.Sscanf(line[:min(len(line), 30)], `data: {"N":%d`, &n); err == nil {
			return n
		}
	}
	return -1
}

// listenSlowly opens a stream with a small buffer, and reads its first block.
func (r *radio) listenSlowly(query string) *stream {
	r.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { conn.Close() })
	if err := conn.(*net.TCPConn).SetReadBuffer(128 << 10); err != nil {
		r.t.Fatal(err)
	}
	fmt.Fprintf(conn, "GET /feed?%s HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n", query)
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		r.t.Fatal(err)
	}
	s := newStream(r.t, response.Body)
	s.block()
	return s
}

// TestFeedSlow has a client that does not read its stream. It is disconnected, while another one
// gets everything. When it returns, it gets the events that it has missed, or a reset if they are
// no longer kept or exceed its queue.
func TestFeedSlow(t *testing.T) {
	t.Parallel()
	const events, size = 60, 256 << 10 // more than the system's buffers hold
	for name, c := range map[string]struct {
		cfg   web.Feeds
		reset bool
	}{
		"kept":     {web.Feeds{Ping: -1, Window: 1000}, true},
		"dropped":  {web.Feeds{Ping: -1, Window: 5}, true},
		"few left": {web.Feeds{Ping: -1, Window: 1000}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := startRadio(t, web.Config{Feeds: c.cfg, NoAccessLog: true})
			slow := r.listenSlowly("channel=a")
			quick := r.stream("channel=a")
			for n := range events {
				r.send("a", "told", largeEvent(n, size))
				if got := number(quick.block()); got != n {
					t.Fatalf("got %d, want %d", got, n)
				}
			}
			heard := -1
			for slow.text.Scan() { // first what is buffered, then the end
				if id, ok := strings.CutPrefix(slow.text.Text(), "id: "); ok {
					slow.id = id
				}
				if n := number([]string{slow.text.Text()}); n >= 0 {
					heard = n
				}
			}
			if heard >= events-1 {
				t.Fatalf("got the event %d, want that the client was disconnected", heard)
			}
			if !c.reset { // another client, which lacks only the last events
				slow.id = quick.id
				for n := range 3 {
					r.send("a", "told", largeEvent(n, size))
					quick.block()
				}
			}
			back := r.stream2("channel=a", slow.id)
			lines := strings.Join(back.block(), "|")
			if got := strings.HasPrefix(lines, "event: reset|data: {"); got != c.reset {
				t.Errorf("got a reset: %t (%.40s), want %t", got, lines, c.reset)
			}
			if !c.reset && !strings.Contains(lines, `"N":0`) {
				t.Errorf("got %.40s, want the first event that it has missed", lines)
			}
		})
	}
}

// TestFeedHoard has clients return that do not read the events that they missed. The process never
// holds more of these than the limit for all clients. Beyond it, clients get a reset, and the
// slowest are disconnected once they have not read for 5 s.
func TestFeedHoard(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := servicetest.New(t, new(Radio), service.Configure(web.Config{Feeds: web.Feeds{Queue: 1 << 20}, Sockets: web.Sockets{MaxQueued: 4 << 20}}))
		begin := polled(t, h, "&wait=0").Next
		for n := range 24 { // 768 KiB, so five clients fit
			body, _ := json.Marshal(Sending{"a", "told", largeEvent(n, 32<<10)})
			response, err := h.HTTP().Post("http://radio/send", "application/json", bytes.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
		}
		listen := func() *stream {
			response := silent(t, h, "&next="+begin, "text/event-stream")
			t.Cleanup(func() { response.Body.Close() })
			return newStream(t, response.Body)
		}
		var clients []*stream
		for range 7 {
			clients = append(clients, listen())
			synctest.Wait()
		}
		for i, s := range clients[5:] {
			if lines := strings.Join(s.block(), "|"); !strings.HasPrefix(lines, "event: reset|") {
				t.Errorf("client %d: got %.40s, want a reset", i+5, lines)
			}
		}
		time.Sleep(6 * time.Second)
		if n := number(listen().block()); n != 0 {
			t.Errorf("got the event %d, want the first one", n)
		}
		for clients[0].text.Scan() { // what is buffered
		}
		if err := clients[0].text.Err(); err == nil {
			t.Error("got the end of the stream, want that the client was disconnected")
		}
		if n := number(clients[1].block()); n != 0 {
			t.Errorf("got the event %d, want the first one", n)
		}
	})
}
