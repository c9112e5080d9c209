package messaging_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/deadletter"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/messaging"
	"github.com/gomeko/gomeko/service"
)

// Careful reports what it sees.
type Careful struct {
	_ service.Name `service:"careful"`

	Entrypoints struct {
		Watch messaging.Consumer `messaging:"careful" exchange:"shop" kind:"topic" key:"#" retry:"1ms"`
		Plain messaging.Consumer `messaging:"careless" method:"Watch"`
	}

	seen chan string
	hold chan struct{} // nil: it does not wait
}

func (c *Careful) Watch(ctx context.Context, m messaging.Message, text string) error {
	call := service.FromContext(ctx)
	c.seen <- fmt.Sprint(text, " ", m.Key, " ", call.Attempt, " ", call.Redelivered, " ", names(m.Headers))
	if c.hold != nil {
		<-c.hold
	}
	return nil
}

// redelivered takes messages from a queue and returns them.
func redelivered(t *testing.T, uri, queue string, messages int) {
	t.Helper()
	ch := brokertest.Channel(t, uri)
	for range messages {
		hosttest.Eventually(t, "there is a message in "+queue, func() bool {
			_, ok, err := ch.Get(queue, false)
			return ok && err == nil
		})
	}
	if err := ch.Close(); err != nil {
		t.Fatal(err)
	}
}

func declareCareful(t *testing.T, uri string) {
	t.Helper()
	p := start(t, uri, &Careful{})
	hosttest.Close(t, p.Stop)
}

// A message that was delivered before is handled from the queue of suspects, and does not notice.
// So is one that comes back from a retry, with its number of attempts. A row without retry handles
// it like any other.
func TestSuspects(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		declareCareful(t, uri)
		post(t, uri, "shop", "a.b", amqp.Publishing{Body: []byte(`"new"`), Headers: amqp.Table{"mine": "x"}})
		post(t, uri, "", "careless", amqp.Publishing{Body: []byte(`"plain"`)})
		post(t, uri, "", "gomeko.retry.careful", amqp.Publishing{Body: []byte(`"old"`), Headers: amqp.Table{
			deadletter.RetryHeader: amqp.Table{"exchange": "shop", "key": "c.d", "attempt": 2},
		}})
		for _, queue := range []string{"careful", "careless", "gomeko.retry.careful"} {
			redelivered(t, uri, queue, 1)
		}
		c := &Careful{seen: make(chan string, 10)}
		p := start(t, uri, c)
		var got []string
		for range 3 {
			got = append(got, hosttest.Receive(t, "a message", c.seen))
		}
		slices.Sort(got)
		if want := []string{"new a.b 1 true [mine]", "old c.d 2 true []", "plain careless 1 true []"}; !slices.Equal(got, want) {
			t.Errorf("got  %q\nwant %q", got, want)
		}
		hosttest.Close(t, p.Stop)
		if moved := p.Log.Lines("it waits for its turn among the suspects"); len(moved) != 2 {
			t.Errorf("got %q, want that two were moved", moved)
		}
		for _, queue := range []string{"careful", "gomeko.retry.careful", "gomeko.suspect.careful"} {
			if n := brokertest.Depth(t, uri, queue); n != 0 {
				t.Errorf("got %d messages in %s, want 0", n, queue)
			}
		}
	})
}

// Calm is a later version of Careful, without retry.
type Calm struct {
	_ service.Name `service:"careful"`

	Entrypoints struct {
		Watch messaging.Consumer `messaging:"careful" exchange:"shop" kind:"topic" key:"#"`
	}

	seen chan string
}

func (c *Calm) Watch(ctx context.Context, m messaging.Message, text string) error {
	c.seen <- fmt.Sprint(text, " ", m.Key, " ", service.FromContext(ctx).Attempt)
	return nil
}

// Messages that a row has left in its queues are handled even if it no longer retries.
func TestLeftByRetry(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		declareCareful(t, uri)
		for _, queue := range []string{"gomeko.retry.careful", "gomeko.suspect.careful"} {
			post(t, uri, "", queue, amqp.Publishing{Body: []byte(`"left"`), Headers: amqp.Table{
				deadletter.RetryHeader: amqp.Table{"exchange": "shop", "key": "k", "attempt": 2},
			}})
		}
		c := &Calm{seen: make(chan string, 10)}
		p := start(t, uri, c)
		for range 2 {
			if got, want := hosttest.Receive(t, "the message", c.seen), "left k 2"; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		}
		hosttest.Close(t, p.Stop)
	})
}

// A message that was returned to the queue of suspects three times is parked.
func TestThirdDeath(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		declareCareful(t, uri)
		for deaths, name := range map[int]string{2: "second", 3: "third"} {
			post(t, uri, "", "gomeko.suspect.careful", amqp.Publishing{Body: []byte(`"` + name + `"`), Headers: amqp.Table{
				deadletter.RetryHeader: amqp.Table{"exchange": "shop", "key": "k", "attempt": 1},
			}})
			for range deaths {
				redelivered(t, uri, "gomeko.suspect.careful", 1)
			}
			c := &Careful{seen: make(chan string, 10)}
			p := start(t, uri, c)
			if deaths < 3 {
				if got := hosttest.Receive(t, "the message", c.seen); !strings.HasPrefix(got, "second k 1 true") {
					t.Errorf("got %s", got)
				}
			} else if d, original := parked(t, uri, "careful"); original["reason"] != "killed" || original["key"] != "k" || string(d.Body) != `"third"` ||
				original["error"] != "the process ended 3 times while it handled the message" {
				t.Errorf("got %v", original)
			}
			hosttest.Close(t, p.Stop)
			if len(c.seen) > 0 {
				t.Errorf("the message was handled after its third death")
			}
		}
	})
}

// A lost connection does not make a suspect of a message that this process is still handling: the
// message is delivered again, is not moved, and is not handled twice.
func TestCutIsNotSuspect(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		for _, queue := range []string{"careful", "gomeko.retry.careful", "gomeko.suspect.careful"} {
			c := &Careful{seen: make(chan string, 10), hold: make(chan struct{})}
			p := start(t, uri, c)
			post(t, uri, "", queue, amqp.Publishing{Body: []byte(`"held"`)})
			hosttest.Receive(t, "the message", c.seen)
			p.tap.Cut()
			p.Log.Wait(t, 1, "it is not handled twice")
			close(c.hold)
			hosttest.Close(t, p.Stop)
			if lines := p.Log.Lines("among the suspects"); len(c.seen)+len(lines) > 0 {
				t.Errorf("%s: got %q, and handled %d times more", queue, lines, len(c.seen))
			}
			if n := brokertest.Depth(t, uri, queue); n != 0 {
				t.Errorf("got %d messages in %s, want 0", n, queue)
			}
		}
	})
}
