package rpc_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Suspect reports its calls.
type Suspect struct {
	_ service.Name `service:"suspect"`

	Entrypoints struct {
		Look  rpc.Method `rpc:"look" retry:"1h"`
		Plain rpc.Method `rpc:"plain" method:"Look"`
	}

	calls chan look
}

// A look is what one call of Suspect sees.
type look struct {
	method      string
	redelivered bool
	attempt     int
	left        time.Duration // until its deadline
	data        []string
}

func (s *Suspect) Look(ctx context.Context) (string, error) {
	c := service.FromContext(ctx)
	l := look{method: c.Method, redelivered: c.Redelivered, attempt: c.Attempt, data: slices.Sorted(maps.Keys(c.Data))}
	if deadline, ok := ctx.Deadline(); ok {
		l.left = time.Until(deadline)
	}
	s.calls <- l
	return "seen", nil
}

const (
	suspectRequests = "rpc-suspect"
	suspectQueue    = "gomeko.suspect.rpc-suspect"
)

// declareSuspect declares the queues of the service, as its process does.
func declareSuspect(t *testing.T, uri string) {
	t.Helper()
	start(t, uri, &Suspect{}).stop(t)
}

// redeliver takes messages from a queue and returns them.
func redeliver(t *testing.T, peer *peer, queue string, messages int) {
	t.Helper()
	taken := make([]amqp.Delivery, messages)
	for i := range taken {
		taken[i] = hosttest.Poll(func() (amqp.Delivery, bool) {
			d, ok, err := peer.ch.Get(queue, false)
			return d, ok && err == nil
		})
	}
	for _, d := range taken {
		if err := d.Reject(true); err != nil {
			t.Fatal(err)
		}
	}
}

func lookRequest(expiration string) amqp.Publishing {
	return amqp.Publishing{
		ReplyTo: replyKey, CorrelationId: "1", Expiration: expiration, Body: []byte(`{"args": [], "kwargs": {}}`),
		Headers: amqp.Table{"nameko.language": "en"}, ContentType: "application/json", ContentEncoding: "utf-8",
	}
}

// A redelivered request runs from the queue of suspects, and is answered like any other: its caller
// does not notice, and its time is still limited. Without retry it runs from its own queue.
func TestSuspects(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		declareSuspect(t, uri)
		peer := newPeer(t, uri)
		for _, method := range []string{"look", "plain"} {
			peer.publish("suspect."+method, lookRequest("3600000"))
		}
		redeliver(t, peer, suspectRequests, 2)
		s := &Suspect{calls: make(chan look, 10)}
		server := start(t, uri, s)
		for range 2 {
			if reply := hosttest.Next(t, peer.replies); reply.CorrelationId != "1" || !strings.Contains(string(reply.Body), "seen") {
				t.Errorf("got reply %q %s", reply.CorrelationId, reply.Body)
			}
			got := hosttest.Next(t, s.calls)
			if !got.redelivered || got.attempt != 1 || strings.Join(got.data, " ") != "language" {
				t.Errorf("got %+v, want attempt 1, redelivered, and the language", got)
			}
			if got.left <= 59*time.Minute || got.left > time.Hour {
				t.Errorf("%s: got %v until the deadline, want nearly an hour", got.method, got.left)
			}
		}
		server.stop(t)
		if moved := server.Log.Lines("it waits for its turn among the suspects"); len(moved) != 1 || !strings.Contains(moved[0], "method=look") {
			t.Errorf("got %q, want that look was moved", moved)
		}
		for _, queue := range []string{suspectRequests, suspectQueue} {
			if n := brokertest.Depth(t, uri, queue); n != 0 {
				t.Errorf("got %d messages in %s, want 0", n, queue)
			}
		}
	})
}

// Unsuspecting is a later version of Suspect, without retry.
type Unsuspecting struct {
	_ service.Name `service:"suspect"`

	Entrypoints struct {
		Look rpc.Method `rpc:"look"`
	}
}

func (*Unsuspecting) Look(context.Context) (string, error) { return "seen", nil }

// Requests that a service has left among the suspects are answered even if none of its rows retries
// any longer.
func TestLeftByRetry(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		declareSuspect(t, uri)
		peer, p := newPeer(t, uri), lookRequest("")
		p.Headers["gomeko.retry"] = amqp.Table{"exchange": "nameko-rpc", "key": "suspect.look", "attempt": int64(1)}
		peer.publishTo("", suspectQueue, p)
		server := start(t, uri, &Unsuspecting{})
		if reply := string(hosttest.Next(t, peer.replies).Body); !strings.Contains(reply, "seen") {
			t.Errorf("got reply %s", reply)
		}
		server.stop(t)
	})
}

// A request that was returned to the queue of suspects three times is answered with an error.
func TestThirdDeath(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		declareSuspect(t, uri)
		for _, test := range []struct {
			deaths int
			runs   bool
		}{{2, true}, {3, false}} {
			peer := newPeer(t, uri)
			p := lookRequest("")
			p.Headers["gomeko.retry"] = amqp.Table{"exchange": "nameko-rpc", "key": "suspect.look", "attempt": int64(1)}
			peer.publishTo("", suspectQueue, p)
			for range test.deaths {
				redeliver(t, peer, suspectQueue, 1)
			}
			s := &Suspect{calls: make(chan look, 10)}
			server := start(t, uri, s)
			reply := string(hosttest.Next(t, peer.replies).Body)
			server.stop(t)
			if ran := len(s.calls) > 0; ran != test.runs {
				t.Errorf("%d deaths: got %t, want that it runs: %t", test.deaths, ran, test.runs)
			}
			if refused := strings.Contains(reply, "the process ended 3 times while it ran the method"); refused == test.runs {
				t.Errorf("%d deaths: got reply %s", test.deaths, reply)
			}
		}
	})
}

// If the broker refuses the queue, requests run as they do without it.
func TestSuspectsRefused(t *testing.T) {
	uri := brokertest.RabbitMQ(t)
	declareSuspect(t, uri)
	peer := newPeer(t, uri)
	if _, err := peer.ch.QueueDelete(suspectQueue, false, false, false); err != nil {
		t.Fatal(err)
	}
	user := brokertest.NewUser(t, uri)
	user.Grant("^(rpc-.*|nameko-rpc|gomeko.control.*)$", ".*", ".*")
	peer.publish("suspect.look", lookRequest(""))
	redeliver(t, peer, suspectRequests, 1)
	s := &Suspect{calls: make(chan look, 10)}
	server := startOn(t, service.Config{}, transport.Config{URI: user.URI("secret")}, s)
	hosttest.Next(t, peer.replies)
	if lines := server.Log.Lines("level=WARN", suspectQueue, "grant it"); len(lines) != 1 {
		t.Errorf("got %q, want a line that says what to grant", lines)
	}
}
