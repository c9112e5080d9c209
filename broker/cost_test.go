package broker_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/broker"
	"github.com/gomeko/gomeko/internal/frame"
	"github.com/gomeko/gomeko/internal/hosttest"
)

// childVariable makes the test binary serve a broker; see serveChild.
const childVariable = "GOMEKO_BROKER_CHILD"

// The broker of a child has a limit of 32 MiB, and of 8 MiB for a message. The heap may grow to
// that plus what is allowed above the limit, twice because garbage is collected late, plus buffers.
const (
	childMemory  = 32 << 20
	childMessage = 8 << 20
	childHeap    = 2*(childMemory+childMemory/8+childMessage) + 24<<20
)

// serveChild serves a broker with little memory. It prints its address. For each line that it
// reads, it prints the largest size of its heap so far, and the size after a garbage collection.
func serveChild() {
	debug.SetGCPercent(50)
	b := broker.New(broker.Config{
		MaxMemory: childMemory, MaxMessage: childMessage, Logger: slog.New(slog.DiscardHandler),
	})
	addr, err := b.Listen("127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(addr)
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		json.NewEncoder(os.Stdout).Encode(heapSize{Peak: m.HeapSys, Live: m.HeapAlloc})
	}
	b.Close(context.Background())
}

type heapSize struct{ Peak, Live uint64 }

// A child is a broker in another process, whose memory can be measured.
type child struct {
	t    *testing.T
	addr string
	in   io.Writer
	out  *bufio.Scanner
}

func startChild(t *testing.T) *child {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"=1")
	cmd.Stderr = t.Output()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		cmd.Process.Kill()
		cmd.Wait()
	})
	c := &child{t: t, in: in, out: bufio.NewScanner(out)}
	c.addr = c.read()
	return c
}

func (c *child) read() string {
	c.t.Helper()
	if !c.out.Scan() {
		c.t.Fatalf("the broker has ended: %v", c.out.Err())
	}
	return c.out.Text()
}

func (c *child) heap() (h heapSize) {
	c.t.Helper()
	fmt.Fprintln(c.in)
	if err := json.Unmarshal([]byte(c.read()), &h); err != nil {
		c.t.Fatal(err)
	}
	return h
}

// wire connects a client, which has a channel 1.
func (c *child) wire() *wire {
	c.t.Helper()
	conn, err := net.Dial("tcp", c.addr)
	if err != nil {
		c.t.Fatal(err)
	}
	w := newWire(c.t, conn)
	w.open(4) // the broker must notice its end although it does not read from it
	return w
}

// stuff writes the frames repeatedly, at most n times, until the broker stops reading or closes the
// connection. It drops whatever the broker sends meanwhile.
func (w *wire) stuff(n int, frames []byte) {
	read := make(chan struct{})
	go func() {
		defer close(read)
		io.Copy(io.Discard, w.conn)
	}()
	for range n {
		w.conn.SetWriteDeadline(time.Now().Add(300 * time.Millisecond))
		if _, err := w.conn.Write(frames); err != nil {
			break
		}
	}
	w.conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	<-read
	w.conn.SetReadDeadline(time.Time{})
}

// fan binds n exclusive queues of w to amq.fanout, and consumes them without acknowledgements.
func (w *wire) fan(n int, consume bool) {
	w.t.Helper()
	for range n {
		w.send(1, &frame.QueueDeclare{Exclusive: true})
		q := w.read().(*frame.QueueDeclareOk).Queue
		w.send(1, &frame.QueueBind{Queue: q, Exchange: "amq.fanout"})
		w.read()
		if consume {
			w.send(1, &frame.BasicConsume{Queue: q, NoAck: true})
			w.read()
		}
	}
}

func publishing(channel uint16, exchange, key string, p frame.Properties, body []byte) []byte {
	return frames(func(b *frame.Buffer) {
		b.Method(channel, &frame.BasicPublish{Exchange: exchange, RoutingKey: key})
		b.Content(channel, frame.ClassBasic, p, body, 128<<10)
	})
}

var noProperties = frame.Properties{0, 0}

// hungers are ways in which clients make the broker's memory grow. What they leave is removed with
// their connections.
var hungers = []struct {
	name string
	do   func(c *child)
}{
	{"one byte to many queues", func(c *child) {
		c.wire().fan(300, false)
		c.wire().stuff(50, repeat(400, publishing(1, "amq.fanout", "", noProperties, []byte("x"))))
	}},
	{"half of many bodies", func(c *child) {
		w := c.wire()
		for id := range uint16(200) {
			w.send(id+2, &frame.ChannelOpen{})
			w.read()
		}
		half := publishing(1, "", "q", noProperties, make([]byte, 4<<20))
		for id := range uint16(200) {
			one := publishing(id+2, "", "q", noProperties, make([]byte, 4<<20))
			w.conn.SetWriteDeadline(time.Now().Add(300 * time.Millisecond))
			if _, err := w.conn.Write(one[:len(half)-128<<10]); err != nil {
				break
			}
		}
	}},
	{"large messages to clients that do not read", func(c *child) {
		for range 20 {
			c.wire().fan(1, true)
		}
		c.wire().stuff(10, publishing(1, "amq.fanout", "", noProperties, make([]byte, 4<<20)))
	}},
	{"a client that does not acknowledge", func(c *child) {
		w := c.wire()
		w.send(1, &frame.QueueDeclare{Queue: "q", Exclusive: true})
		w.read()
		w.send(1, &frame.BasicConsume{Queue: "q"})
		w.stuff(1000, repeat(1000, publishing(1, "", "q", noProperties, []byte("x"))))
	}},
	{"large headers", func(c *child) {
		w := c.wire()
		w.send(1, &frame.QueueDeclare{Queue: "q", Exclusive: true})
		w.read()
		p := frame.Properties("\x20\x00")
		p = frame.Table{{Name: "h", Value: strings.Repeat("x", 100_000)}}.Append(p)
		w.stuff(2000, publishing(1, "", "q", p, nil))
	}},
	{"a transaction without end", func(c *child) {
		w := c.wire()
		w.fan(100, false)
		w.send(1, &frame.TxSelect{})
		w.stuff(1000, repeat(1000, publishing(1, "amq.fanout", "", noProperties, []byte("x"))))
	}},
	{"acknowledgements of nothing in a transaction", func(c *child) {
		w := c.wire()
		w.send(1, &frame.TxSelect{})
		w.stuff(200, repeat(10_000, frames(func(b *frame.Buffer) { b.Method(1, &frame.BasicAck{Multiple: true}) })))
	}},
	{"queues", func(c *child) {
		c.wire().stuff(200, repeat(2000, frames(func(b *frame.Buffer) {
			b.Method(1, &frame.QueueDeclare{Exclusive: true, NoWait: true})
		})))
	}},
	{"arguments of queues", func(c *child) {
		c.wire().stuff(2000, frames(func(b *frame.Buffer) {
			b.Method(1, &frame.QueueDeclare{Exclusive: true, NoWait: true, Arguments: frame.Table{{Name: "a", Value: make([]any, 100_000)}}})
		}))
	}},
	{"long bindings of a topic exchange", func(c *child) {
		w := c.wire()
		w.send(1, &frame.QueueDeclare{Queue: "q", Exclusive: true})
		w.read()
		for i := range 20 {
			w.stuff(1, frames(func(b *frame.Buffer) {
				for j := range 1000 {
					key := fmt.Sprintf("%d.%d", i, j) + strings.Repeat(".*", 100)
					b.Method(1, &frame.QueueBind{Queue: "q", Exchange: "amq.topic", RoutingKey: key, NoWait: true})
				}
			}))
		}
	}},
	{"consumers", func(c *child) {
		w := c.wire()
		w.send(1, &frame.QueueDeclare{Queue: "q", Exclusive: true})
		w.read()
		w.stuff(200, repeat(2000, frames(func(b *frame.Buffer) {
			b.Method(1, &frame.BasicConsume{Queue: "q", NoWait: true})
		})))
	}},
	{"channels of many connections", func(c *child) {
		for range 20 {
			c.wire().stuff(1, frames(func(b *frame.Buffer) {
				for id := range uint16(2000) {
					b.Method(id+2, &frame.ChannelOpen{})
				}
			}))
		}
	}},
	{"names", func(c *child) {
		for i := range 20 {
			c.wire().stuff(1, frames(func(b *frame.Buffer) {
				for j := range 1000 {
					b.Method(1, &frame.ExchangeUnbind{Source: fmt.Sprintf("%d.%d.%s", i, j, strings.Repeat("x", 240))})
				}
			}))
		}
	}},
}

func repeat(n int, b []byte) []byte { return []byte(strings.Repeat(string(b), n)) }

// Whatever clients send, the broker's memory stays near its limit, and is freed when they are gone.
func TestMemoryOfClients(t *testing.T) {
	for _, tt := range hungers {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := startChild(t)
			before := c.heap()
			t.Run("clients", func(t *testing.T) { // its cleanup closes their connections
				tt.do(&child{t: t, addr: c.addr})
			})
			after := hosttest.Poll(func() (h heapSize, ok bool) {
				h = c.heap()
				return h, h.Live < before.Live+8<<20
			})
			t.Logf("peak %d MiB, live afterwards %d kiB", after.Peak>>20, after.Live>>10)
			if after.Peak > childHeap {
				t.Errorf("the heap grew to %d MiB, want %d at most", after.Peak>>20, childHeap>>20)
			}
			if after.Live > before.Live+8<<20 {
				t.Errorf("%d kiB are in use afterwards, before %d", after.Live>>10, before.Live>>10)
			}
			conn := connect(t, "amqp://guest:guest@"+c.addr+"/")
			ch := channel(t, conn)
			q := declare(t, ch)
			deliveries := consume(t, ch, q)
			if err := ch.PublishWithContext(t.Context(), "", q, false, false, amqp.Publishing{Body: []byte("afterwards")}); err != nil {
				t.Fatal(err)
			}
			expect(t, deliveries, "afterwards")
		})
	}
}
