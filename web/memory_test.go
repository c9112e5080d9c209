package web_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/servicetest"
	"github.com/gomeko/gomeko/web"
)

// Bulky takes and returns large values.
type Bulky struct {
	_ service.Name `service:"bulky"`

	Entrypoints struct {
		Post  web.Route        `web:"POST /post"`
		Large web.Route        `web:"GET /large"`
		Heap  web.Route        `web:"GET /heap"`
		Ask   web.SocketMethod `web:"ask(text)"`
		Watch web.SocketMethod `web:"watch"`
		Tell  web.SocketMethod `web:"tell"`
	}

	Hub web.Hub
}

// Text is a form or a JSON object.
type Text struct {
	Text string   `json:"text"`
	List []string `json:"list,omitempty"`
}

func (*Bulky) Post(_ context.Context, text Text) (int, error)  { return len(text.Text), nil }
func (*Bulky) Large(context.Context) (string, error)           { return strings.Repeat("x", 4<<20), nil }
func (*Bulky) Ask(_ context.Context, text string) (int, error) { return len(text), nil }
func (b *Bulky) Watch(_ context.Context, s *web.Socket) error  { return b.Hub.Subscribe(s.ID, "all") }
func (b *Bulky) Tell(ctx context.Context, s *web.Socket) error {
	_, err := b.Hub.Unicast(ctx, s.ID, "told", strings.Repeat("x", 900<<10))
	return err
}

// Heap returns the largest heap that the process has had, not counting the shadow memory of the
// race detector.
func (*Bulky) Heap(context.Context) (string, error) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return strconv.FormatUint(m.HeapSys, 10), nil
}

// An attack is a request that each of many clients sends. It returns when the server has refused
// it, or has nothing more to do for it.
type attack struct {
	name    string
	clients int
	send    func(conn net.Conn) error
}

// TestMemory attacks a process whose configuration allows 16 MiB in flight. Its heap stays small,
// and it answers a small request during the attack.
func TestMemory(t *testing.T) {
	t.Parallel()
	const most = 160 << 20
	head := "POST /post HTTP/1.1\r\nHost: x\r\n"
	for _, a := range []attack{
		{"bodies that never end", 40, func(conn net.Conn) error {
			return sendLarge(conn, head+"Content-Type: application/json\r\nContent-Length: 8000000\r\n\r\n{\"text\":\"", 8_000_000-20)
		}},
		{"chunks that never end", 40, func(conn net.Conn) error {
			return sendLarge(conn, head+"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n7a1200\r\n{\"text\":\"", 8_000_000-20)
		}},
		{"forms that never end", 40, func(conn net.Conn) error {
			return sendLarge(conn, head+"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 8000000\r\n\r\ntext=", 8_000_000-20)
		}},
		{"parts of forms", 40, func(conn net.Conn) error {
			body := strings.Repeat("--b\r\nContent-Disposition: form-data; name=list\r\n\r\n\r\n", 50_000)
			_, err := io.WriteString(conn, head+"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 8000000\r\n\r\n"+body)
			return err
		}},
		{"responses that nobody reads", 40, func(conn net.Conn) error {
			_, err := io.WriteString(conn, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
			if err == nil {
				_, err = conn.Read(make([]byte, 100))
			}
			return err
		}},
		{"frames that never end", 150, func(conn net.Conn) error {
			if _, err := io.WriteString(conn, upgrade); err != nil {
				return err
			}
			header := append([]byte{final | 1, 0x80 | 127}, binary.BigEndian.AppendUint64(nil, 1_000_000)...)
			return sendLarge(conn, string(header)+"\x00\x00\x00\x00", 1_000_000-20)
		}},
		{"events that nobody reads", 150, func(conn net.Conn) error {
			if _, err := io.WriteString(conn, upgrade+strings.Repeat(frame(final|1, `{"method": "tell"}`), 3)); err != nil {
				return err
			}
			_, err := io.ReadFull(conn, make([]byte, 10<<10))
			return err
		}},
	} {
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			p := launchService(t, "bulky", "max_workers: 4\ngomeko: {web: {max_in_flight: 16777216, socket_max_queued: 16777216, access_log: false}}")
			var all sync.WaitGroup
			for range a.clients {
				conn, err := net.Dial("tcp", p.url.Host)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { conn.Close() })
				if err := conn.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
					t.Error(err)
				}
				conn.SetDeadline(time.Now().Add(hosttest.Timeout))
				all.Go(func() { _ = a.send(conn) }) // the server may have closed the connection
			}
			all.Wait()
			peak := p.heap(t)
			t.Logf("%d MiB", peak>>20)
			if peak > most {
				t.Errorf("got a heap of %d MiB, want %d at most", peak>>20, most>>20)
			}
		})
	}
}

// sendLarge writes a head and n bytes.
func sendLarge(conn net.Conn, head string, n int64) error {
	if _, err := io.WriteString(conn, head); err != nil {
		return err
	}
	_, err := io.Copy(conn, io.LimitReader(endless{}, n))
	return err
}

// heap sends a small request and returns the response: the largest heap of the program.
func (p *program) heap(t *testing.T) int {
	t.Helper()
	answer, err := http.Get(p.url.String() + "/heap")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("got %s %q, %v", answer.Status, text, err)
	}
	n, err := strconv.Atoi(string(text))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Once the clients of an attack have disconnected, large requests are served again.
func TestMemoryReturns(t *testing.T) {
	t.Parallel()
	p := start(t, web.Config{MaxInFlight: 2 << 20, MaxBody: 1 << 20}, new(Bulky))
	body := `{"text": "` + strings.Repeat("x", 1<<19) + `"}`
	post := func() int {
		conn := p.tcp(t) // the server may close it before everything is sent, which an HTTP client reports as an error
		fmt.Fprintf(conn, "POST /post HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		status, _ := answered(t, conn)
		return status
	}
	if status := post(); status != http.StatusOK {
		t.Fatalf("got %d, want 200", status)
	}
	var slow []net.Conn
	hosttest.Eventually(t, "a request is refused with 503", func() bool {
		conn := p.tcp(t)
		slow = append(slow, conn)
		_ = sendLarge(conn, "POST /post HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n{\"text\":\"", 900_000)
		return post() == http.StatusServiceUnavailable
	})
	for _, conn := range slow {
		conn.Close()
	}
	hosttest.Eventually(t, "a request is served", func() bool { return post() == http.StatusOK })
}

// Connections beyond the limit close idle ones, and are closed if none is idle. Websockets are
// counted separately.
func TestMaxConnections(t *testing.T) {
	t.Parallel()
	p := start(t, web.Config{MaxConnections: 2, Sockets: web.Sockets{Max: 1}}, newSite(t), new(Bulky))
	p.client.CloseIdleConnections()
	socket := p.socket(t)
	if status := p.handshake(t, nil); status != http.StatusServiceUnavailable {
		t.Errorf("got %d for a second socket, want 503", status)
	}
	hosttest.Eventually(t, "two connections are open, and further ones close the idle one, then none", p.limitsConnections(t))
	if got := ask(t, socket, `{"method": "ask", "data": {"text": "abc"}}`); !strings.Contains(got, `"data": 3`) {
		t.Errorf("got %s", got)
	}
}

// limitsConnections returns a function that tries a limit of two connections. The try fails if the
// server still counts a connection of the one before.
func (p *process) limitsConnections(t *testing.T) func() bool {
	return func() bool {
		open := func(request string) net.Conn {
			conn := p.tcp(t)
			fmt.Fprint(conn, request)
			return conn
		}
		const get, begun = "GET /greet/a HTTP/1.1\r\nHost: x\r\n", "POST /post HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"
		idle := open(get + "\r\n")
		defer idle.Close()
		if status, _ := answered(t, idle); status != 200 {
			return false
		}
		busy := open(begun)
		defer busy.Close()
		further := open(get + "Connection: close\r\n\r\n")
		defer further.Close()
		if status, _ := answered(t, further); status != 200 {
			return false
		}
		idle.SetReadDeadline(time.Now().Add(time.Second))
		if _, err := idle.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			return false
		}
		other := open(begun)
		defer other.Close()
		refused := open(get + "\r\n")
		defer refused.Close()
		if status, _ := answered(t, refused); status != 0 {
			return false
		}
		for _, conn := range []net.Conn{busy, other} {
			fmt.Fprint(conn, strings.Repeat(" ", 98)+"}")
			if status, _ := answered(t, conn); status == 0 {
				return false
			}
		}
		return true
	}
}

// The channels of a socket are limited.
func TestMaxChannels(t *testing.T) {
	t.Parallel()
	b := new(Boarder)
	h := servicetest.New(t, b, service.Configure(web.Config{Sockets: web.Sockets{MaxChannels: 3}}))
	socket := h.Socket()
	var got []string
	if err := socket.Call(t.Context(), "fill", &got); err != nil {
		t.Fatal(err)
	}
	if want := "[<nil> <nil> <nil> TooManyChannels <nil> ChannelName]"; fmt.Sprint(got) != want {
		t.Errorf("got %v, want %s", got, want)
	}
}

// Boarder subscribes a socket to many channels.
type Boarder struct {
	_ service.Name `service:"boarder"`

	Entrypoints struct {
		Fill web.SocketMethod `web:"fill"`
	}

	Hub web.Hub
}

func (b *Boarder) Fill(_ context.Context, s *web.Socket) (got []string, _ error) {
	for _, channel := range []string{"a", "b", "c", "d", "a", strings.Repeat("x", 2000)} {
		err := b.Hub.Subscribe(s.ID, channel)
		text := fmt.Sprint(err)
		if err != nil {
			text, _, _ = strings.Cut(text, ":")
		}
		got = append(got, text)
	}
	return got, nil
}
