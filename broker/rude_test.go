package broker_test

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gomeko/gomeko/broker"
	"github.com/gomeko/gomeko/internal/frame"
)

// rudeClients are disconnected, either with a code or after some time.
var rudeClients = []struct {
	name  string
	do    func(w *wire)
	code  uint16 // of the connection.close, 0 if there is none
	after time.Duration
}{
	{name: "sends nothing at all", do: func(*wire) {}, after: 10 * time.Second},
	{name: "begins in another protocol", do: func(w *wire) { w.write(bytes.Repeat([]byte("GET / HTTP/1.1\r\n"), 1000)) }},
	{name: "stops within the protocol header", do: func(w *wire) { w.write([]byte("AMQP")) }, after: 10 * time.Second},
	{name: "stops within its login", do: func(w *wire) {
		w.write([]byte(frame.ProtocolHeader))
		w.write(half(&frame.ConnectionStartOk{Mechanism: "PLAIN"}))
	}, after: 10 * time.Second},
	{name: "never opens what it logged in to", do: func(w *wire) { w.login(guest) }, after: 10 * time.Second},
	{name: "sends half a frame", do: func(w *wire) {
		w.open(4)
		w.write(half(&frame.QueueDeclare{Queue: "q"}))
	}, after: 8 * time.Second},
	{name: "publishes half a message", do: func(w *wire) {
		w.open(4)
		w.write(half(&frame.BasicPublish{RoutingKey: "q"}))
	}, after: 8 * time.Second},
	{name: "sends garbage", do: func(w *wire) {
		w.open(4)
		w.write(bytes.Repeat([]byte{0xAA}, 10_000))
	}, code: 501, after: 10 * time.Second}, // in garbage no end is found, and no confirmation either
	{name: "sends a frame over the limit", do: func(w *wire) {
		w.open(4)
		w.write([]byte{1, 0, 1, 0xFF, 0xFF, 0xFF, 0xFF})
	}, code: 501},
	{name: "sends a frame over the limit before it is let in", do: func(w *wire) {
		w.write([]byte(frame.ProtocolHeader))
		w.read()
		w.write([]byte{1, 0, 0, 0, 0, 0x20, 0})
	}, code: 501},
	{name: "opens all channels and one more", do: func(w *wire) {
		w.open(4)
		for id := uint16(2); id <= 2048; id++ {
			w.send(id, &frame.ChannelOpen{})
			if id == 2048 {
				return
			}
			if m, ok := w.read().(*frame.ChannelOpenOk); !ok {
				w.t.Fatalf("channel %d: got %T, want channel.open-ok", id, m)
			}
		}
	}, code: 530},
	{name: "announces a body on every channel and sends none", do: func(w *wire) {
		w.open(4)
		for id := uint16(2); id <= 2047; id++ {
			w.send(id, &frame.ChannelOpen{})
			w.read()
			w.write(frames(func(b *frame.Buffer) { b.Method(id, &frame.BasicPublish{RoutingKey: "q"}) }))
			w.write(raw16(2, id, 0, 60, 0, 0, 0, 0, 0, 0, 0x08, 0, 0, 0, 0, 0)) // of 128 MiB
		}
	}, after: 8 * time.Second},
}

// Whatever a client does, other connections keep working.
func TestRudeClients(t *testing.T) {
	for _, tt := range rudeClients {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := start(t, broker.Config{Heartbeat: 4 * time.Second})
				before := allocated()
				polite := open(t, b)
				q := declare(t, polite)
				deliveries := consume(t, polite, q)
				w := plug(t, b)
				w.conn.SetDeadline(time.Time{})
				tt.do(w)
				begin := time.Now()
				publish(t, polite, q, "meanwhile")
				expect(t, deliveries, "meanwhile")[0].Ack(false)
				if tt.code != 0 {
					w.closedWith(tt.code)
				}
				w.ended()
				if got := time.Since(begin); got != tt.after {
					t.Errorf("dropped after %v, want %v", got, tt.after)
				}
				publish(t, polite, q, "afterwards")
				expect(t, deliveries, "afterwards")[0].Ack(false)
				if cost := allocated() - before; cost > 64<<20 {
					t.Errorf("it cost %d bytes of memory", cost)
				}
			})
		})
	}
}

// half returns an incomplete method frame.
func half(m frame.Method) []byte {
	b := frames(func(b *frame.Buffer) { b.Method(1, m) })
	return b[:len(b)/2]
}

// raw16 returns a frame of any kind on any channel.
func raw16(kind byte, channel uint16, payload ...byte) []byte {
	b := raw(kind, 0, payload...)
	b[1], b[2] = byte(channel>>8), byte(channel)
	return b
}

// closedWith waits for a connection.close with the code, and confirms it.
func (w *wire) closedWith(code uint16) {
	w.t.Helper()
	for {
		m := w.read()
		if c, ok := m.(*frame.ConnectionClose); ok {
			if c.ReplyCode != code {
				w.t.Errorf("got %d %s, want %d", c.ReplyCode, c.ReplyText, code)
			}
			break
		}
	}
	w.send(0, &frame.ConnectionCloseOk{})
}
