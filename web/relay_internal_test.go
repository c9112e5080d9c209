package web

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/gomeko/gomeko/codec"
)

// A bus carries messages between relays like a broker: a message goes to the queues that are bound
// when it is published. The test decides when it is delivered.
type bus struct {
	mu    sync.Mutex
	ports []*port
}

// A port implements [Backplane].
type port struct {
	bus   *bus
	relay *relay
	away  bool
	dead  bool
	bound map[string]bool
	queue []Message
	lossy bool              // the next message is lost on its way to the broker
	lost  map[string]uint64 // sequence of the first lost message, by topic
}

func (p *port) Listen(topic string) {
	go func() {
		p.bus.mu.Lock()
		away := p.away || p.dead
		if !away {
			p.bound[topic] = true
		}
		p.bus.mu.Unlock()
		if !away {
			p.relay.Listening([]string{topic})
		}
	}()
}

func (p *port) Unlisten(topic string) {
	p.bus.mu.Lock()
	defer p.bus.mu.Unlock()
	delete(p.bound, topic)
}

func (p *port) Publish(m Message) error {
	p.bus.mu.Lock()
	defer p.bus.mu.Unlock()
	if p.dead {
		return nil
	}
	if p.away || p.lossy {
		p.lossy = false
		if p.lost[m.Topic] == 0 {
			p.lost[m.Topic] = m.Seq
			if m.Gap > 0 {
				p.lost[m.Topic] = m.Gap
			}
		}
		return nil
	}
	if since := p.lost[m.Topic]; since > 0 {
		m.Gap = since
		delete(p.lost, m.Topic)
	}
	for _, to := range p.bus.ports {
		if to.bound[m.Topic] {
			to.queue = append(to.queue, m)
		}
	}
	return nil
}

func (p *port) Wait(context.Context)                       {}
func (p *port) Ask(context.Context, Message) (bool, error) { return false, nil }

// deliver delivers up to n messages.
func (p *port) deliver(n int) {
	p.bus.mu.Lock()
	n = min(n, len(p.queue))
	messages := p.queue[:n:n]
	p.queue = p.queue[n:]
	p.bus.mu.Unlock()
	for _, m := range messages {
		p.relay.Received(m)
	}
}

// cut loses the connection.
func (p *port) cut() {
	p.bus.mu.Lock()
	p.away, p.queue, p.bound = true, nil, map[string]bool{}
	p.bus.mu.Unlock()
	p.relay.Lost()
}

// back restores the connection. The lost messages become marks.
func (p *port) back() {
	p.bus.mu.Lock()
	p.away = false
	p.bus.mu.Unlock()
	var topics []string
	p.relay.mu.Lock()
	for _, b := range p.relay.buckets {
		topics = append(topics, b.topic)
	}
	p.relay.mu.Unlock()
	p.bus.mu.Lock()
	for _, topic := range topics {
		p.bound[topic] = true
	}
	p.bus.mu.Unlock()
	p.relay.Listening(topics)
	p.bus.mu.Lock()
	lost := p.lost // losses that no later message has reported
	p.lost = map[string]uint64{}
	p.bus.mu.Unlock()
	for topic, since := range lost {
		p.relay.Unsent(topic, since)
	}
}

func (b *bus) add(t *testing.T, window int) *port {
	t.Helper()
	h := &hub{codec: codec.BrowserJSON, memory: memory{limit: 64 << 20}, sockets: map[string]*Socket{}, channels: map[string]map[*Socket]struct{}{}}
	p := &port{bus: b, bound: map[string]bool{}, lost: map[string]uint64{}}
	cfg := Feeds{Window: window}.withDefaults()
	r := &relay{
		hub: h, cfg: cfg, log: slog.New(slog.DiscardHandler), backplane: p,
		seqs: map[uint16]uint64{}, buckets: map[uint16]*bucket{}, feeds: map[string]map[*listener]struct{}{}, asks: map[string]chan Message{},
		windows: windows{maxEvents: cfg.Window, maxBytes: cfg.WindowBytes},
	}
	copy(r.self[:], fmt.Sprintf("%08d", rand.N(100_000_000)))
	h.relay, p.relay = r, r
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ports = append(b.ports, p)
	return p
}

// A client listens to a channel, at one relay after another.
type client struct {
	channel string
	l       *listener
	id      string
	owed    map[int]bool // events that were sent since it began to listen, or was reset
	doubles int
	had     map[int]bool
	resets  int
}

// take takes what is waiting.
func (c *client) take(t *testing.T) {
	t.Helper()
	b := c.l.take()
	defer b.release()
	for _, e := range b.events {
		var n int
		if _, err := fmt.Sscan(string(e.data), &n); err != nil || e.channel != c.channel {
			t.Fatalf("got %s on %s, %v", e.data, e.channel, err)
		}
		if c.had[n] {
			c.doubles++
		}
		c.had[n] = true
		delete(c.owed, n)
	}
	if b.reset >= 0 || b.slow {
		c.resets++
		clear(c.owed) // it reloads its state
	}
	c.id = b.id
}

// TestRelayModel moves clients between processes at random, while processes lose their connection,
// are killed and started, and messages are lost. A client that misses an event gets a reset.
func TestRelayModel(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		random := rand.New(rand.NewPCG(seed, 1))
		b := new(bus)
		for range 3 {
			b.add(t, 5+random.IntN(40))
		}
		publisher := b.add(t, 10)
		channels := []string{"a", "b"}
		var clients []*client
		listen := func(c *client) {
			for {
				p := b.ports[random.IntN(len(b.ports))]
				if p.dead || p == publisher {
					continue
				}
				l, err := p.relay.listen(t.Context(), []string{c.channel}, c.id, nil)
				if err != nil {
					t.Fatal(err)
				}
				c.l = l
				return
			}
		}
		for i := range 6 {
			c := &client{channel: channels[i%2], owed: map[int]bool{}, had: map[int]bool{}}
			clients = append(clients, c)
			listen(c)
			c.take(t)
		}
		next := 0
		for range 300 {
			p := b.ports[random.IntN(len(b.ports))]
			switch n := random.IntN(100); {
			case n < 40:
				if p.dead {
					continue
				}
				channel := channels[random.IntN(2)]
				p.lossy = random.IntN(20) == 0 && !p.away
				next++
				for _, c := range clients {
					if c.channel == channel {
						c.owed[next] = true
					}
				}
				if err := p.relay.broadcast(t.Context(), channel, "e", next); err != nil {
					t.Fatal(err)
				}
				p.lossy = false
			case n < 70:
				p.deliver(1 + random.IntN(10))
			case n < 90: // a client takes what is waiting, and perhaps moves
				c := clients[random.IntN(len(clients))]
				if c.take(t); random.IntN(2) == 0 {
					c.l.close()
					listen(c)
				}
			case n < 93 && !p.dead && !p.away:
				p.cut()
			case n < 97 && p.away:
				p.back()
			case n == 97 && p != publisher && !p.dead && !p.away && len(p.lost) == 0 && len(b.ports) < 8: // a process is killed, and another one starts
				b.mu.Lock()
				p.dead, p.bound, p.queue = true, map[string]bool{}, nil
				b.mu.Unlock()
				b.add(t, 5+random.IntN(40))
				for _, c := range clients {
					if c.l.relay == p.relay {
						listen(c)
					}
				}
			case n == 98: // a bucket without listeners is forgotten
				for _, bucket := range p.relay.buckets {
					p.relay.forget(bucket)
				}
			}
		}
		for range 2 { // marks, and their consequences
			for _, p := range b.ports {
				if !p.dead {
					p.back()
				}
			}
			for _, p := range b.ports {
				p.deliver(1 << 20)
			}
		}
		for i, c := range clients {
			c.take(t)
			for n := range c.owed {
				t.Errorf("seed %d: client %d has missed event %d without a reset", seed, i, n)
			}
			if c.doubles > 0 {
				t.Logf("seed %d: client %d has had %d events twice", seed, i, c.doubles)
			}
			c.l.close()
		}
		for _, p := range b.ports {
			p.relay.end()
		}
	}
}
