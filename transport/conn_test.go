package transport_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/transport"
)

// TestBrokerKilled kills the broker under a connection and starts it again: the topology is
// declared and the consumers resume.
func TestBrokerKilled(t *testing.T) {
	node := brokertest.StartNode(t)
	c := dial(t, node.URI())
	declare(t, c, queue("durable"))
	declare(t, c, transport.Topology{
		Exchanges: []transport.Exchange{{Name: "transient", Kind: "topic"}},
		Queues:    []transport.Queue{{Name: "transient"}},
		Bindings:  []transport.Binding{{Queue: "transient", Exchange: "transient", Key: "#"}},
	})
	_, deliveries := consume(t, c, "durable", 10)
	_, transient := consume(t, c, "transient", 10)
	publish(t, c, "durable", "1")
	hosttest.Next(t, deliveries).Ack()

	node.Kill()
	hosttest.Eventually(t, "the loss is noticed", func() bool { return !c.Away().IsZero() })
	// Publish waits for the broker until its ctx ends, and its error says so.
	cause := errors.New("test deadline")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, cause)
	defer cancel()
	if err := c.Publish(ctx, transport.Publishing{Key: "durable"}); !errors.Is(err, cause) {
		t.Errorf("got %v, want %v", err, cause)
	}
	published := make(chan error)
	go func() {
		published <- c.Publish(limit(t), transport.Publishing{Exchange: "transient", Key: "x", Mandatory: true, Body: []byte("2")})
	}()
	node.Start()
	if err := <-published; err != nil {
		t.Fatalf("got %v, want a publishing that waited", err)
	}
	if d := hosttest.Next(t, transient); string(d.Body) != "2" {
		t.Errorf("got %s, want 2", d.Body)
	}
	if err := c.Wait(limit(t)); err != nil {
		t.Fatal(err)
	}
	publish(t, c, "durable", "3")
	if d := hosttest.Next(t, deliveries); string(d.Body) != "3" || c.Epoch() != 2 {
		t.Errorf("got %s in epoch %d, want 3 in 2", d.Body, c.Epoch())
	}
}

// TestStaleAck settles deliveries of the first connection after a second one has used their tags.
func TestStaleAck(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		p := newProxy(t, uri)
		c := dial(t, p.uri)
		declare(t, c, queue("q"))
		_, deliveries := consume(t, c, "q", 10)
		for i := range 3 {
			publish(t, c, "q", fmt.Sprint(i))
		}
		var stale []*transport.Delivery
		for range 3 {
			stale = append(stale, hosttest.Next(t, deliveries))
		}
		p.cut()
		var fresh []*transport.Delivery
		for range 3 {
			d := hosttest.Next(t, deliveries)
			if !d.Redelivered {
				t.Errorf("got %s as new, want it redelivered", d.Body)
			}
			fresh = append(fresh, d)
		}
		for _, d := range stale {
			d.Ack()
			if err := d.Reply(limit(t), transport.Publishing{Key: "q", Mandatory: true, Body: []byte("reply")}); err != nil {
				t.Error(err)
			}
		}
		for range 3 {
			d := hosttest.Next(t, deliveries)
			if string(d.Body) != "reply" {
				t.Errorf("got %s, want a reply by the new connection", d.Body)
			}
			d.Ack()
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		fresh[1].Ack()
		if err := c.Close(ctx); err != nil {
			t.Fatal(err)
		}
		hosttest.Eventually(t, "two were not acknowledged", func() bool { return brokertest.Depth(t, uri, "q") == 2 })
		if c.Epoch() != 2 {
			t.Errorf("got epoch %d, want 2", c.Epoch())
		}
	})
}

// TestUnconfirmed cuts the connection before the confirms: publishers get an error at once.
func TestUnconfirmed(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		p := newProxy(t, uri)
		c := dial(t, p.uri)
		declare(t, c, queue("q"))
		publish(t, c, "q", "")
		p.hang()
		results := make(chan error, 100)
		for range 100 {
			if err := c.Send(limit(t), transport.Publishing{Key: "q"}, func(err error) { results <- err }); err != nil {
				t.Fatal(err)
			}
		}
		p.cut()
		for range 100 {
			if err := <-results; !errors.Is(err, transport.ErrConnectionLost) {
				t.Errorf("got %v, want %v", err, transport.ErrConnectionLost)
			}
		}
		p.release()
		publish(t, c, "q", "")
	})
}

// TestHalfOpen has a broker that falls silent: heartbeats are missed, and the Conn reconnects.
func TestHalfOpen(t *testing.T) {
	p := newProxy(t, brokertest.Embedded(t))
	c := dialConfig(t, transport.Config{URI: p.uri, Heartbeat: 3 * time.Second})
	declare(t, c, queue("q"))
	_, deliveries := consume(t, c, "q", 10)
	declare(t, c, queue("other"))
	publish(t, c, "other", "before")
	settled := make(chan error, 1)
	body := make([]byte, 16<<20) // more than the socket and the proxy hold, so the writer is stuck too
	p.hang()
	if err := c.Send(limit(t), transport.Publishing{Key: "q", Body: body}, func(err error) { settled <- err }); err != nil {
		t.Fatal(err)
	}
	if err := <-settled; !errors.Is(err, transport.ErrConnectionLost) {
		t.Errorf("got %v, want %v", err, transport.ErrConnectionLost)
	}
	p.release()
	publish(t, c, "q", "after")
	if d := hosttest.Next(t, deliveries); string(d.Body) != "after" || c.Epoch() < 2 {
		t.Errorf("got %s in epoch %d, want it after a redial", d.Body, c.Epoch())
	}
}

// TestDeadlines has a broker that does not answer for a while. Operations end with their contexts,
// and none of them leaves a consumer behind.
func TestDeadlines(t *testing.T) {
	p := newProxy(t, brokertest.Embedded(t))
	c := dial(t, p.uri)
	declare(t, c, queue("q"))
	p.hang()
	cause := errors.New("test deadline")
	for name, wait := range map[string]func(context.Context) error{
		"Publish": func(ctx context.Context) error { return c.Publish(ctx, transport.Publishing{Key: "nowhere"}) },
		"Declare": func(ctx context.Context) error { return c.Declare(ctx, queue("other")) },
		"Consume": func(ctx context.Context) error {
			_, err := c.Consume(ctx, transport.Consume{Queue: "q", Handle: func(*transport.Delivery) { t.Error("got a delivery for a consumer that is none") }})
			return err
		},
	} {
		ctx, cancel := context.WithTimeoutCause(limit(t), 20*time.Millisecond, cause)
		if err := wait(ctx); !errors.Is(err, cause) {
			t.Errorf("%s: got %v, want %v", name, err, cause)
		}
		cancel()
	}
	p.release()
	if err := c.Wait(limit(t)); err != nil {
		t.Fatal(err)
	}
	_, deliveries := consume(t, c, "q", 1)
	for range 5 {
		publish(t, c, "q", "")
		hosttest.Next(t, deliveries).Ack()
	}
}

// TestRefusedAfterReconnect has another client declare a queue with other flags while the
// connection is lost. The rest is declared, and the refusal is logged.
func TestRefusedAfterReconnect(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		p := newProxy(t, uri)
		log := new(output)
		c := dialConfig(t, transport.Config{URI: p.uri, Logger: slog.New(slog.NewTextHandler(log, nil))})
		declare(t, c, transport.Topology{Queues: []transport.Queue{{Name: "taken", Exclusive: true}, {Name: "q"}}})
		_, deliveries := consume(t, c, "q", 10)
		p.hang()
		p.cut()
		other := dial(t, uri)
		hosttest.Eventually(t, "another takes the exclusive queue", func() bool {
			return other.Declare(limit(t), transport.Topology{Queues: []transport.Queue{{Name: "taken", Durable: true}}}) == nil
		})
		p.release()
		publish(t, c, "q", "x")
		hosttest.Next(t, deliveries)
		if got := log.String(); !strings.Contains(got, `queue \"taken\": broker: 405`) {
			t.Errorf("got the log %s, want the refusal in it", got)
		}
	})
}

func TestClose(t *testing.T) {
	cause := errors.New("grace is over")
	for _, test := range []struct {
		name string
		hurt func(*proxy)
		want string // "" is none
	}{
		{"in order", func(p *proxy) {}, ""},
		{"lost", func(p *proxy) { p.cut() }, ""},
		{"disconnected", func(p *proxy) { p.l.Close(); p.cut() }, ""},
		{"silent", func(p *proxy) { p.hang() }, "close: the broker does not answer, connection cut: grace is over"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newProxy(t, brokertest.Embedded(t))
			c := dial(t, p.uri)
			declare(t, c, queue("q"))
			_, deliveries := consume(t, c, "q", 10)
			publish(t, c, "q", "")
			hosttest.Next(t, deliveries)
			test.hurt(p)
			var wg sync.WaitGroup
			if test.name == "silent" {
				for range 10 { // some are buffered, some wait
					wg.Go(func() {
						err := c.Publish(limit(t), transport.Publishing{Key: "q", Body: make([]byte, 1<<20)})
						if !errors.Is(err, transport.ErrConnectionLost) && !errors.Is(err, transport.ErrClosed) {
							t.Errorf("got %v, want ErrConnectionLost or ErrClosed", err)
						}
					})
				}
			}
			ctx, cancel := context.WithTimeoutCause(context.Background(), 200*time.Millisecond, cause)
			defer cancel()
			err := c.Close(ctx)
			if got := fmt.Sprint(err); test.want == "" && err != nil && !errors.Is(err, cause) || test.want != "" && got != test.want {
				t.Errorf("got %v, want %q", err, test.want)
			}
			wg.Wait()
			if err := c.Publish(limit(t), transport.Publishing{Key: "q"}); !errors.Is(err, transport.ErrClosed) {
				t.Errorf("got %v after Close, want %v", err, transport.ErrClosed)
			}
			if _, err := c.Consume(limit(t), transport.Consume{Queue: "q"}); !errors.Is(err, transport.ErrClosed) {
				t.Errorf("got %v after Close, want %v", err, transport.ErrClosed)
			}
			if err := c.Declare(limit(t), queue("q")); !errors.Is(err, transport.ErrClosed) {
				t.Errorf("got %v after Close, want %v", err, transport.ErrClosed)
			}
			if err := c.Close(limit(t)); !errors.Is(err, transport.ErrClosed) {
				t.Errorf("got %v from a second Close, want %v", err, transport.ErrClosed)
			}
		})
	}
}

// TestCloseWritesAcks closes right after the acknowledgements: all of them reach the broker.
func TestCloseWritesAcks(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		c := dial(t, uri)
		declare(t, c, queue("q"))
		for range 50 {
			publish(t, c, "q", "")
		}
		_, deliveries := consume(t, c, "q", 50)
		for range 50 {
			hosttest.Next(t, deliveries).Ack()
		}
		if err := c.Close(limit(t)); err != nil {
			t.Fatal(err)
		}
		if got := brokertest.Depth(t, uri, "q"); got != 0 {
			t.Errorf("got %d messages, want 0", got)
		}
	})
}

// An output collects log lines.
type output struct {
	mu   sync.Mutex
	text strings.Builder
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}
