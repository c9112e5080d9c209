package web_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"runtime"
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

// upgrade is the request that opens a websocket.
const upgrade = "GET /ws HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"

// rawSocket opens a socket and returns its connection.
func (p *process) rawSocket(t testing.TB) net.Conn {
	t.Helper()
	conn := p.tcp(t)
	if _, err := io.WriteString(conn, upgrade); err != nil {
		t.Fatal(err)
	}
	var head []byte
	for b := make([]byte, 1); !strings.HasSuffix(string(head), "\r\n\r\n"); {
		if _, err := conn.Read(b); err != nil {
			t.Fatalf("%v after %q", err, head)
		}
		head = append(head, b...)
	}
	rawFrame(t, conn) // the event connected
	return conn
}

// rawFrame reads a frame from the server. Such frames are not masked.
func rawFrame(t testing.TB, conn net.Conn) (opcode byte, payload []byte) {
	t.Helper()
	head := make([]byte, 2)
	if _, err := io.ReadFull(conn, head); err != nil {
		t.Fatal(err)
	}
	n := int(head[1])
	if n == 126 {
		long := make([]byte, 2)
		if _, err := io.ReadFull(conn, long); err != nil {
			t.Fatal(err)
		}
		n = int(binary.BigEndian.Uint16(long))
	}
	payload = make([]byte, n)
	if _, err := io.ReadFull(conn, payload); err != nil {
		t.Fatal(err)
	}
	return head[0] & 0xf, payload
}

// frame returns a frame in the form in which a client sends it, masked with zeros.
func frame(first byte, payload string) string {
	switch n := len(payload); {
	case n < 126:
		return string([]byte{first, 0x80 | byte(n), 0, 0, 0, 0}) + payload
	default:
		return string([]byte{first, 0x80 | 126, byte(n >> 8), byte(n), 0, 0, 0, 0}) + payload
	}
}

const final = 0x80

// A client that violates the protocol is disconnected with the right close code, and no other
// client is affected.
func TestHostileSockets(t *testing.T) {
	t.Parallel()
	p := startConfigured(t, service.Config{}, web.Config{Sockets: web.Sockets{MaxFrame: 1000}}, &Staged{stage: newStage()})
	bystander := p.socket(t)
	large := strings.Repeat("x", 1001)
	for _, test := range []struct {
		name, send string
		want       int
	}{
		{"a frame over the limit", frame(final|websocket.TextMessage, large), websocket.CloseMessageTooBig},
		{"parts over the limit", frame(websocket.TextMessage, large[:600]) + frame(final, large[:600]), websocket.CloseMessageTooBig},
		{"a length that it never sends", string([]byte{final | websocket.TextMessage, 0x80 | 127, 0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0, 0, 0}), websocket.CloseMessageTooBig},
		{"a length with the highest bit", string([]byte{final | websocket.TextMessage, 0x80 | 127, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}), websocket.CloseMessageTooBig},
		{"text that is not UTF-8", frame(final|websocket.TextMessage, "{\"method\": \"\xff\"}"), websocket.CloseInvalidFramePayloadData},
		{"a part that is not UTF-8", frame(websocket.TextMessage, "\"\xc3") + frame(final, "\""), websocket.CloseInvalidFramePayloadData},
		{"garbage", "\x00\x01\x02 GET / HTTP/1.1\r\n\r\n", websocket.CloseProtocolError},
		{"a frame without a mask", "\x81\x02{}", websocket.CloseProtocolError},
		{"an opcode that is none", frame(final|3, "{}"), websocket.CloseProtocolError},
		{"a compressed frame, which was not agreed on", frame(final|0x40|websocket.TextMessage, "{}"), websocket.CloseProtocolError},
		{"a ping in parts", frame(websocket.PingMessage, ""), websocket.CloseProtocolError},
		{"a long ping", frame(final|websocket.PingMessage, large[:126]), websocket.CloseProtocolError},
		{"a part of nothing", frame(final, "{}"), websocket.CloseProtocolError},
		{"a close code that is none", frame(final|websocket.CloseMessage, "\x00\x01"), websocket.CloseProtocolError},
	} {
		t.Run(test.name, func(t *testing.T) {
			conn := p.rawSocket(t)
			if _, err := io.WriteString(conn, test.send); err != nil {
				t.Fatal(err)
			}
			opcode, payload := rawFrame(t, conn)
			if opcode != websocket.CloseMessage || len(payload) < 2 {
				t.Fatalf("got frame %d %q, want a close", opcode, payload)
			}
			if got := int(binary.BigEndian.Uint16(payload)); got != test.want {
				t.Errorf("got %d %s, want %d", got, payload[2:], test.want)
			}
			if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
				t.Errorf("got %v, want the end of the connection", err)
			}
		})
	}
	if got := ask(t, bystander, asking("double", `"n": 1`, "c")); !strings.Contains(got, `"data": 2`) {
		t.Errorf("got %s at a socket of another", got)
	}
}

// A binary frame that is not UTF-8 is answered like malformed JSON, as in Nameko.
func TestBinaryGarbage(t *testing.T) {
	t.Parallel()
	p := start(t, web.Config{}, new(Counted))
	conn := p.socket(t)
	write(t, conn, websocket.BinaryMessage, "\xff\xfe{")
	if got := string(readFrame(t, conn)); !strings.Contains(got, "MalformedRequest") {
		t.Errorf("got %s", got)
	}
	if got := ask(t, conn, `{"method": "count"}`); !strings.Contains(got, `"data": 1`) {
		t.Errorf("got %s after it", got)
	}
}

// Clients that announce a large frame but send little of it take little memory.
func TestMemoryOfPromises(t *testing.T) {
	p := start(t, web.Config{}, &Staged{stage: newStage()})
	const sockets, most = 100, 64 << 10
	promise := string([]byte{final | websocket.TextMessage, 0x80 | 127, 0, 0, 0, 0, 0, 0x0f, 0xff, 0xff, 0, 0, 0, 0}) + strings.Repeat("x", 100)
	before := heap()
	for range sockets {
		if _, err := io.WriteString(p.rawSocket(t), promise); err != nil {
			t.Fatal(err)
		}
	}
	if got := ask(t, p.socket(t), asking("double", `"n": 1`, "c")); !strings.Contains(got, `"data": 2`) {
		t.Errorf("got %s at a socket of another", got)
	}
	each := (heap() - before) / sockets
	t.Logf("%d bytes for each of %d sockets that promise a frame of 1 MiB", each, sockets)
	if each > most {
		t.Errorf("got %d bytes each, want %d at most", each, most)
	}
}

// heap returns the bytes in use, including stacks.
func heap() int {
	runtime.GC()
	runtime.GC() // empty the pools
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc + m.StackInuse)
}

// A pipe is a listener for connections in memory. They have no buffer, so a write waits for its
// reader.
type pipe struct {
	conns chan net.Conn
	done  chan struct{}
	close sync.Once
	stop  func() // stops the service
}

const drainDelay = time.Minute // in the bubble

func newPipe() *pipe { return &pipe{conns: make(chan net.Conn), done: make(chan struct{})} }

func (p *pipe) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipe) Close() error   { p.close.Do(func() { close(p.done) }); return nil }
func (p *pipe) Addr() net.Addr { return &net.UnixAddr{Name: "memory"} }

func (p *pipe) dial(t *testing.T) *websocket.Conn {
	t.Helper()
	conn, _, err := p.open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func (p *pipe) open() (*websocket.Conn, *http.Response, error) {
	d := websocket.Dialer{NetDialContext: func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		p.conns <- theirs
		return ours, nil
	}}
	return d.Dial("ws://memory/ws", nil)
}

// inMemory hosts a service behind a pipe, in the test's bubble.
func inMemory(t *testing.T, cfg web.Sockets, hosted any) *pipe {
	t.Helper()
	p := newPipe()
	host := hosttest.Start(t, hosttest.Config{Service: service.Config{}}, hosted, service.Configure(web.Config{
		Sockets:    cfg,
		Listen:     func(context.Context, string) (net.Listener, error) { return p, nil },
		DrainDelay: drainDelay,
	}))
	p.stop = func() { hosttest.Close(t, host.Stop) }
	return p
}

// A client that does not answer two pings is disconnected. A client that answers them stays
// connected even if it sends nothing else.
func TestHalfOpen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := inMemory(t, web.Sockets{Ping: time.Minute}, new(Counted))
		gone, there := p.dial(t), p.dial(t)
		began := time.Now()
		over := make(chan time.Duration, 1)
		go func() {
			_, err := io.Copy(io.Discard, gone.NetConn()) // it reads, but does not answer
			if err != nil {
				t.Error(err)
			}
			over <- time.Since(began)
		}()
		pings := 0
		there.SetPingHandler(func(data string) error {
			pings++
			return there.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(time.Second))
		})
		answered := make(chan string, 2)
		go func() {
			for range 2 {
				_, frame, err := there.ReadMessage()
				if err != nil {
					t.Error(err)
				}
				answered <- string(frame)
			}
		}()
		<-answered
		if took := <-over; took < 2*time.Minute || took > 3*time.Minute {
			t.Errorf("cut after %s, want 2 or 3 pings", took)
		}
		time.Sleep(time.Hour) // in the bubble
		if err := there.WriteMessage(websocket.TextMessage, []byte(`{"method": "count"}`)); err != nil {
			t.Error(err)
		}
		if got := <-answered; !strings.Contains(got, `"data": 1`) || pings < 60 {
			t.Errorf("got %s after %d pings, want an answer after an hour of them", got, pings)
		}
	})
}

// An idle socket is closed.
func TestIdle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := inMemory(t, web.Sockets{Idle: 5 * time.Minute}, new(Counted))
		conn := p.dial(t)
		began := time.Now()
		readFrame(t, conn)
		if got := closeCode(t, conn); got != websocket.CloseGoingAway {
			t.Errorf("got %d, want 1001", got)
		}
		if took := time.Since(began); took < 5*time.Minute || took > 6*time.Minute {
			t.Errorf("closed after %s, want five minutes", took)
		}
	})
}

// During the drain delay no new sockets are opened, and open ones continue.
func TestDrainDelay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := inMemory(t, web.Sockets{}, new(Counted))
		conn := p.dial(t)
		readFrame(t, conn)
		began := time.Now()
		go p.stop()
		synctest.Wait()
		if _, answer, err := p.open(); err == nil || answer.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("got %v, want 503", answer)
		}
		if got := ask(t, conn, `{"method": "count"}`); !strings.Contains(got, `"data": 1`) {
			t.Errorf("got %s", got)
		}
		if got := closeCode(t, conn); got != websocket.CloseGoingAway || time.Since(began) != drainDelay {
			t.Errorf("got %d after %s, want 1001 after %s", got, time.Since(began), drainDelay)
		}
	})
}

// A request without an upgrade is refused.
func TestNoUpgrade(t *testing.T) {
	t.Parallel()
	p := start(t, web.Config{}, new(Counted))
	answer, err := p.client.Get(p.url + "/ws")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(answer.Body)
	if answer.StatusCode != http.StatusBadRequest || !strings.Contains(string(text), "the client is not using the websocket protocol") {
		t.Errorf("got %s %s, want 400", answer.Status, text)
	}
}
