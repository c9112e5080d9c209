package broker_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/broker"
	"github.com/gomeko/gomeko/internal/frame"
)

// A silent client receives heartbeats, and is disconnected after two intervals.
func TestHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := plug(t, start(t, broker.Config{}))
		w.conn.SetDeadline(time.Time{})
		w.open(4)
		spoken, heard := time.Now(), time.Now()
		for beats := 0; ; beats++ {
			f, err := w.frames.Next()
			if err != nil {
				break
			}
			if f.Type != frame.TypeHeartbeat || time.Since(heard) > 4*time.Second {
				t.Errorf("got a frame of type %d after %v, want a heartbeat", f.Type, time.Since(heard))
			}
			heard = time.Now()
			if beats < 10 { // its heartbeats keep it connected
				w.write(frames((*frame.Buffer).Heartbeat))
				spoken = time.Now()
			}
		}
		if silent := time.Since(spoken); silent != 8*time.Second {
			t.Errorf("dropped after %v of silence, want 8 s", silent)
		}
	})
}

func TestNoHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := plug(t, start(t, broker.Config{}))
		w.conn.SetDeadline(time.Time{})
		w.open(0)
		w.conn.SetReadDeadline(time.Now().Add(24 * time.Hour))
		if f, err := w.frames.Next(); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("got %v, %v, want silence", f, err)
		}
		w.conn.SetReadDeadline(time.Time{})
		w.send(1, &frame.ChannelClose{})
		if m, ok := w.read().(*frame.ChannelCloseOk); !ok {
			t.Errorf("got %T, want channel.close-ok", m)
		}
	})
}

// amqp091-go and the broker keep an idle connection open.
func TestIdleConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ch := open(t, start(t, broker.Config{Heartbeat: 2 * time.Second}))
		time.Sleep(time.Hour)
		declare(t, ch)
	})
}

// A client that stops during its handshake is disconnected.
func TestHandshakeTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := plug(t, start(t, broker.Config{}))
		w.conn.SetDeadline(time.Time{})
		w.write([]byte(frame.ProtocolHeader))
		w.read()
		begin := time.Now()
		w.ended()
		if got := time.Since(begin); got != 10*time.Second {
			t.Errorf("dropped after %v, want 10 s", got)
		}
	})
}

func TestTune(t *testing.T) {
	w := plug(t, start(t, broker.Config{}))
	m := w.login(guest).(*frame.ConnectionTune)
	if want := (frame.ConnectionTune{ChannelMax: 2047, FrameMax: 131072, Heartbeat: 60}); *m != want {
		t.Errorf("got %+v, want %+v", *m, want)
	}
	for want, tuned := range map[string]frame.ConnectionTuneOk{
		"NOT_ALLOWED - negotiated frame_max = 131073 is higher than the maximum allowed value (131072)": {ChannelMax: 1, FrameMax: 131073},
		"NOT_ALLOWED - negotiated frame_max = 4095 is lower than the minimum allowed value (4096)":      {ChannelMax: 1, FrameMax: 4095},
		"NOT_ALLOWED - negotiated channel_max = 2048 is higher than the maximum allowed value (2047)":   {ChannelMax: 2048, FrameMax: 4096},
	} {
		w := plug(t, start(t, broker.Config{}))
		w.login(guest)
		w.send(0, &tuned)
		if m := w.read().(*frame.ConnectionClose); m.ReplyCode != 530 || m.ReplyText != want {
			t.Errorf("got  %d %s\nwant 530 %s", m.ReplyCode, m.ReplyText, want)
		}
	}
}

func TestChannelMax(t *testing.T) {
	b := start(t, broker.Config{})
	w := plug(t, b)
	w.login(guest)
	w.send(0, &frame.ConnectionTuneOk{ChannelMax: 2, FrameMax: 4096})
	w.send(0, &frame.ConnectionOpen{VirtualHost: "/"})
	w.read()
	for id := range uint16(2) {
		w.send(id+1, &frame.ChannelOpen{})
		w.read()
	}
	w.send(1, &frame.ChannelClose{}) // makes room
	w.read()
	w.send(1, &frame.ChannelOpen{})
	w.read()
	w.send(3, &frame.ChannelOpen{})
	const want = "NOT_ALLOWED - number of channels opened (2) has reached the negotiated channel_max (2)"
	if m, ok := w.read().(*frame.ConnectionClose); !ok || m.ReplyCode != 530 || m.ReplyText != want {
		t.Errorf("got %+v, want 530 %s", m, want)
	}
}

func TestVHosts(t *testing.T) {
	b := start(t, broker.Config{VHosts: []string{"other"}})
	dial := func(vhost string) (*amqp.Connection, error) {
		return amqp.DialConfig("amqp://guest:guest@memory", amqp.Config{
			Vhost: vhost,
			Dial:  func(string, string) (net.Conn, error) { return b.Dial(t.Context()) },
		})
	}
	for _, vhost := range []string{"/", "other"} { // each has its own queue with this name
		conn, err := dial(vhost)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := channel(t, conn).QueueDeclare("q", vhost == "/", false, false, false, nil); err != nil {
			t.Error(err)
		}
	}
	_, err := dial("nowhere")
	var refusal *amqp.Error
	if !errors.As(err, &refusal) {
		t.Errorf("got %v, want a refusal", err)
	}
}

// Close sends what is queued for clients, and then connection.close.
func TestClose(t *testing.T) {
	b := start(t, broker.Config{})
	w := plug(t, b)
	w.open(0)
	w.send(1, &frame.QueueDeclare{Queue: "q"})
	w.read()
	w.send(1, &frame.BasicConsume{Queue: "q", NoAck: true})
	w.read()
	const count = 1000
	ch := open(t, b)
	publish(t, ch, "q", slices.Repeat([]string{"last words"}, count)...)
	length(t, ch, "q") // all were handled and wait for w

	closed := make(chan error, 1)
	go func() { closed <- b.Close(t.Context()) }()
	deliveries := 0
	m := w.read()
	for ; m.ID() == (*frame.BasicDeliver)(nil).ID(); m = w.read() {
		deliveries++
		w.content()
	}
	if deliveries != count {
		t.Errorf("got %d messages, want %d", deliveries, count)
	}
	const want = "CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'"
	if m, ok := m.(*frame.ConnectionClose); !ok || m.ReplyCode != 320 || m.ReplyText != want {
		t.Errorf("got %+v, want 320 %s", m, want)
	}
	w.send(0, &frame.ConnectionCloseOk{})
	if err := <-closed; err != nil {
		t.Fatal(err)
	}
	if _, err := b.Dial(t.Context()); err == nil {
		t.Error("a closed broker lets clients in")
	}
	if _, err := b.Listen("127.0.0.1:0"); err == nil {
		t.Error("a closed broker listens")
	}
}

// A client that does not answer delays Close only until Close's context ends.
func TestCloseCutShort(t *testing.T) {
	b := start(t, broker.Config{})
	addr, err := b.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", addr.String())
	if err != nil {
		t.Fatal(err)
	}
	w := newWire(t, conn)
	w.open(0)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.Close(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

func TestDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, err := start(t, broker.Config{}).Dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		begin := time.Now()
		conn.SetReadDeadline(begin.Add(time.Second))
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(begin) != time.Second {
			t.Errorf("got %v after %v, want a time-out after 1s", err, time.Since(begin))
		}
		conn.SetReadDeadline(time.Time{})
		io.WriteString(conn, "no protocol at all")
		if got, err := io.ReadAll(conn); string(got) != frame.ProtocolHeader || err != nil {
			t.Errorf("got %q, %v, want %q", got, err, frame.ProtocolHeader)
		}
	})
}

// If a client sends requests but does not read the replies, the broker stops reading from it and
// disconnects it in time. It does not accumulate replies for it.
func TestAnswersUnread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := plug(t, start(t, broker.Config{}))
		w.conn.SetDeadline(time.Time{})
		w.open(4)
		message := frames(func(b *frame.Buffer) {
			b.Method(1, &frame.BasicPublish{RoutingKey: "nobody", Mandatory: true}) // returned
			b.Content(1, frame.ClassBasic, frame.Properties{0, 0}, make([]byte, 10_000), 128<<10)
		})
		begin, written := time.Now(), 0
		for {
			n, err := w.conn.Write(message)
			if written += n; err != nil {
				break
			}
		}
		if took := time.Since(begin); written > 2<<20 || took != 8*time.Second {
			t.Errorf("dropped after %d bytes and %v, want less than 2 MiB and 8 s", written, took)
		}
	})
}
