package broker_test

import (
	"encoding/binary"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/broker"
	"github.com/gomeko/gomeko/internal/hosttest"
)

// Producers and consumers work while their connections are cut at random. Every confirmed message
// is consumed. Afterwards, the broker uses no more memory and goroutines than before.
func TestSoakBroker(t *testing.T) {
	duration := 2 * time.Second
	if os.Getenv("GOMEKO_SOAK") == "1" {
		duration = 2 * time.Minute
	}
	b := start(t, broker.Config{})
	addr, err := b.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &soak{t: t, uri: "amqp://guest:guest@" + addr.String() + "/", conns: make(map[net.Conn]struct{}), queues: []string{"classic", "quorum"}}
	s.declare()
	memory, goroutines := heap(), runtime.NumGoroutine()

	s.run(duration)
	left := hosttest.Poll(func() (int, bool) { return b.Messages(), b.Messages() == 0 })
	close(s.drained)
	s.consuming.Wait()

	published, confirmed, consumed, lost := s.count()
	t.Logf("in %v: %d published, %d confirmed, %d consumed, %d times; %d connections cut", duration,
		published, confirmed, consumed, s.deliveries.Load(), s.cuts.Load())
	if lost > 0 || left > 0 || confirmed == 0 || s.cuts.Load() == 0 {
		t.Errorf("%d confirmed messages are lost, %d are left in queues", lost, left)
	}
	s.sent = nil
	running := hosttest.Poll(func() (int, bool) { n := runtime.NumGoroutine(); return n, n <= goroutines })
	if running > goroutines {
		t.Errorf("got %d goroutines when all is over, %d before it began", running, goroutines)
	}
	grown := hosttest.Poll(func() (int64, bool) { n := heap() - memory; return n, n < 1<<20 })
	t.Logf("%d goroutines before, %d after; memory %+d kB", goroutines, running, grown/1024)
	if grown >= 1<<20 {
		t.Errorf("memory grew by %d bytes", grown)
	}
}

// heap returns the bytes in use.
func heap() int64 {
	runtime.GC()
	runtime.GC() // what the first one only finalized
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// A soak holds the producers and consumers of a broker, and their connections.
type soak struct {
	t          *testing.T
	uri        string
	queues     []string
	consuming  sync.WaitGroup
	drained    chan struct{}
	deliveries atomic.Int64
	cuts       atomic.Int64

	mu    sync.Mutex
	conns map[net.Conn]struct{}
	sent  []*ledger
}

// A ledger records what happened to the messages of one producer.
type ledger struct {
	mu        sync.Mutex
	confirmed []bool
	consumed  []bool
}

func (s *soak) declare() {
	s.t.Helper()
	s.drained = make(chan struct{})
	conn, err := amqp.Dial(s.uri)
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close()
	for _, name := range s.queues {
		if _, err := channel(s.t, conn).QueueDeclare(name, true, false, false, false, amqp.Table{"x-queue-type": name}); err != nil {
			s.t.Fatal(err)
		}
	}
}

// run runs the producers and consumers for the duration. The consumers continue until the queue is
// empty.
func (s *soak) run(duration time.Duration) {
	stop := make(chan struct{})
	var producing sync.WaitGroup
	for i := range 4 {
		l := new(ledger)
		s.sent = append(s.sent, l)
		producing.Go(func() { s.repeat(stop, func(ch *amqp.Channel) { s.produce(ch, stop, i, l) }) })
	}
	for i := range 4 {
		s.consuming.Go(func() {
			s.repeat(s.drained, func(ch *amqp.Channel) { s.consume(ch, s.queues[i%len(s.queues)]) })
		})
	}
	producing.Go(func() { s.cut(stop) })
	time.AfterFunc(duration, func() { close(stop) })
	producing.Wait()
}

// repeat calls work repeatedly, each time with a channel on a new connection, until over is closed.
func (s *soak) repeat(over <-chan struct{}, work func(*amqp.Channel)) {
	for {
		select {
		case <-over:
			return
		default:
		}
		conn, err := amqp.DialConfig(s.uri, amqp.Config{Dial: s.dial})
		if err != nil {
			continue // it was cut while it was being opened
		}
		if ch, err := conn.Channel(); err == nil {
			work(ch)
		}
		conn.Close()
	}
}

func (s *soak) dial(network, addr string) (net.Conn, error) {
	nc, err := net.Dial(network, addr)
	if err == nil {
		s.mu.Lock()
		s.conns[nc] = struct{}{}
		s.mu.Unlock()
	}
	return nc, err
}

// cut ends random connections in random ways.
func (s *soak) cut(stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case <-time.After(rand.N(50 * time.Millisecond)):
		}
		s.mu.Lock()
		for nc := range s.conns { // of all of them, one at random
			delete(s.conns, nc)
			switch rand.IntN(3) {
			case 0:
				nc.(*net.TCPConn).SetLinger(0) // a reset
			case 1:
				nc.(*net.TCPConn).CloseWrite()
				nc.Write([]byte{1, 0, 1, 0, 0}) // half a frame, or nothing
			}
			if nc.Close() == nil {
				s.cuts.Add(1)
			}
			break
		}
		s.mu.Unlock()
	}
}

// produce publishes until the connection ends. The body is the number of the message's ledger and
// the position in it.
func (s *soak) produce(ch *amqp.Channel, stop <-chan struct{}, number int, l *ledger) {
	if ch.Confirm(false) != nil {
		return
	}
	for {
		select {
		case <-stop:
			return
		default:
		}
		var sent []*amqp.DeferredConfirmation
		l.mu.Lock()
		first := len(l.confirmed)
		l.mu.Unlock()
		for i := range 1 + rand.IntN(50) {
			l.mu.Lock()
			l.confirmed, l.consumed = append(l.confirmed, false), append(l.consumed, false)
			l.mu.Unlock()
			body := binary.BigEndian.AppendUint32([]byte{byte(number)}, uint32(first+i))
			confirm, err := ch.PublishWithDeferredConfirm("", s.queues[rand.IntN(len(s.queues))], true, false, amqp.Publishing{Body: body})
			if err != nil {
				return
			}
			sent = append(sent, confirm)
		}
		for i, confirm := range sent {
			if !confirm.Wait() {
				return
			}
			l.mu.Lock()
			l.confirmed[first+i] = true
			l.mu.Unlock()
		}
	}
}

// consume acknowledges or requeues messages until the connection ends or the queue is empty.
func (s *soak) consume(ch *amqp.Channel, queue string) {
	if ch.Qos(1+rand.IntN(100), 0, false) != nil {
		return
	}
	deliveries, err := ch.Consume(queue, "", false, false, false, false, nil)
	if err != nil {
		return
	}
	for {
		select {
		case <-s.drained:
			return
		case d, ok := <-deliveries:
			if !ok {
				return
			}
			s.deliveries.Add(1)
			if rand.IntN(20) == 0 {
				d.Nack(false, true)
				continue
			}
			l := s.sent[d.Body[0]]
			l.mu.Lock()
			l.consumed[binary.BigEndian.Uint32(d.Body[1:])] = true
			l.mu.Unlock()
			d.Ack(rand.IntN(20) == 0)
		}
	}
}

// count sums up the ledgers.
func (s *soak) count() (published, confirmed, consumed, lost int) {
	for _, l := range s.sent {
		published += len(l.confirmed)
		for i := range l.confirmed {
			if l.confirmed[i] {
				confirmed++
			}
			if l.consumed[i] {
				consumed++
			} else if l.confirmed[i] {
				lost++
			}
		}
	}
	return published, confirmed, consumed, lost
}
