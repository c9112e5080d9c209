package messaging_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/deadletter"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/messaging"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Waiting has two queues whose messages are retried after different delays.
type Waiting struct {
	_ service.Name `service:"waiting"`

	Entrypoints struct {
		Short messaging.Consumer `messaging:"short" retry:"200ms*5" method:"Do"`
		Other messaging.Consumer `messaging:"other" retry:"200ms*5" method:"Do"`
		Long  messaging.Consumer `messaging:"long-delay" retry:"1h" method:"Do"`
	}

	done chan string
	fail func(text string, attempt int) error
}

func (w *Waiting) Do(ctx context.Context, text string) error {
	attempt := service.FromContext(ctx).Attempt
	err := w.fail(text, attempt)
	w.done <- fmt.Sprint(text, " ", attempt)
	return err
}

// newWaiting returns a service whose calls fail before the attempt until.
func newWaiting(until int) *Waiting {
	return &Waiting{done: make(chan string, 1000), fail: func(_ string, attempt int) error {
		if attempt < until {
			return errors.New("fault")
		}
		return nil
	}}
}

// handled waits until these calls have ended, in any order.
func (w *Waiting) handled(t *testing.T, want ...string) {
	t.Helper()
	var got []string
	for range want {
		got = append(got, hosttest.Receive(t, "a call", w.done))
	}
	slices.Sort(got)
	if slices.Sort(want); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func remove(t *testing.T, uri, queue string) {
	t.Helper()
	if _, err := brokertest.Channel(t, uri).QueueDelete(queue, false, false, false); err != nil {
		t.Fatal(err)
	}
}

// A delay queue that somebody has deleted is declared again, and then takes the message.
func TestDelayQueueMissing(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		w := newWaiting(2)
		p := start(t, uri, w)
		send(t, uri, "short", "first")
		w.handled(t, "first 1", "first 2")
		remove(t, uri, deadletter.DelayQueue("short", 200*time.Millisecond))
		send(t, uri, "short", "second")
		w.handled(t, "second 1", "second 2")
		p.Log.Wait(t, 1, "a failed message cannot be moved", "NO_ROUTE", "to=gomeko.delay.short.200")
		hosttest.Close(t, p.Stop)
	})
}

// A message that a full delay queue refuses stays in its queue, and its row pauses. It is moved
// when there is room, even if its connection was lost meanwhile, and is not handled again before
// that.
func TestDelayQueueFull(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		w := newWaiting(2)
		h := &process{}
		var err error
		h.Host, err = hosttest.New(t, hosttest.Config{Service: service.Config{MaxWorkers: 2}, Broker: transport.Config{URI: uri, Dial: h.tap.Dial}},
			w, service.Configure(messaging.Config{DelayLength: 1}))
		if err == nil {
			err = h.Start(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
		delay := deadletter.DelayQueue("long-delay", time.Hour)
		w.fill(t, uri, h.Log)
		h.Log.Wait(t, 1, "a failed message cannot be moved", "basic.nack", "to="+delay)
		h.Log.Wait(t, 1, "row paused", "queue=long-delay")
		h.tap.Cut()
		h.Log.Wait(t, 2, "connection to the broker lost")
		if _, err := brokertest.Channel(t, uri).QueuePurge(delay, false); err != nil {
			t.Fatal(err)
		}
		h.Log.Wait(t, 1, "row resumed", "queue=long-delay")
		hosttest.Eventually(t, "the last message is moved", func() bool { return brokertest.Depth(t, uri, delay) == 1 })
		hosttest.Close(t, h.Stop)
		if n := brokertest.Depth(t, uri, "long-delay"); n != 0 || len(w.done) > 0 {
			t.Errorf("got %d messages left, and %d handled again, want none", n, len(w.done))
		}
	})
}

// fill fails messages until the delay queue refuses one, because RabbitMQ accepts some over its
// length. It returns how many it has sent.
func (w *Waiting) fill(t *testing.T, uri string, log *hosttest.Log) (n int) {
	t.Helper()
	for ; len(log.Lines("a failed message cannot be moved")) == 0; n++ {
		send(t, uri, "long-delay", fmt.Sprint(n))
		w.handled(t, fmt.Sprint(n, " 1"))
		hosttest.Eventually(t, "the message is moved or refused", func() bool {
			return len(log.Lines("message is handled again later"))+len(log.Lines("a failed message cannot be moved")) == n+1
		})
	}
	return n
}

// A stopping row gives back the messages that cannot be moved.
func TestStopWhileDelayQueueFull(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		w := newWaiting(2)
		h := hosttest.Start(t, hosttest.Config{Broker: transport.Config{URI: uri}}, w, service.Configure(messaging.Config{DelayLength: 1}))
		sent := w.fill(t, uri, h.Log)
		hosttest.Close(t, h.Stop)
		delayed := brokertest.Depth(t, uri, deadletter.DelayQueue("long-delay", time.Hour))
		if n := brokertest.Depth(t, uri, "long-delay"); n == 0 || n+delayed != sent {
			t.Errorf("got %d messages in the queue and %d in the delay queue, want %d in all", n, delayed, sent)
		}
	})
}

// keeping runs f on the embedded broker, and on a RabbitMQ that does not wait three minutes before
// it dead-letters again to a queue that was missing.
func keeping(t *testing.T, f func(t *testing.T, uri string)) {
	t.Run("embedded", func(t *testing.T) { f(t, brokertest.Embedded(t)) })
	t.Run("rabbitmq", func(t *testing.T) {
		f(t, brokertest.StartNode(t, impatient).URI())
	})
}

// impatient is the setting with which RabbitMQ tries to dead-letter to a missing queue every
// second.
const impatient = "{dead_letter_worker_publisher_confirm_timeout, 1000}"

// If the retry queue of one queue is deleted while messages wait, these wait until it is back, and
// the messages of other queues come back on time.
func TestRetryQueueDeleted(t *testing.T) {
	t.Parallel()
	keeping(t, func(t *testing.T, uri string) {
		w := newWaiting(2)
		const delay = 5 * time.Second // the first message leaves its queue when the delay queue is 2 s old
		w.fail = func(_ string, attempt int) error {
			if attempt == 1 {
				return service.RetryAfter(delay, errors.New("fault"))
			}
			return nil
		}
		first := start(t, uri, w)
		send(t, uri, "short", "a")
		send(t, uri, "other", "b")
		w.handled(t, "a 1", "b 1")
		first.Log.Wait(t, 2, "message is handled again later")
		hosttest.Close(t, first.Stop)
		remove(t, uri, deadletter.RetryQueue("short"))
		hosttest.Eventually(t, "the other message is back", func() bool { return brokertest.Depth(t, uri, deadletter.RetryQueue("other")) == 1 })
		hosttest.Eventually(t, "the message waits for its retry queue", func() bool {
			return brokertest.Depth(t, uri, deadletter.DelayQueue("short", delay)) == 0
		})
		start(t, uri, w)
		w.handled(t, "a 2", "b 2")
	})
}

// Messages that wait survive when the broker is killed.
func TestRetryOverRestart(t *testing.T) {
	t.Parallel()
	node := brokertest.StartNode(t, impatient)
	w := newWaiting(2)
	w.fail = func(_ string, attempt int) error {
		if attempt == 1 {
			return service.RetryAfter(5*time.Second, errors.New("fault")) // the row has no such delay
		}
		return nil
	}
	p := start(t, node.URI(), w)
	send(t, node.URI(), "short", "kept")
	w.handled(t, "kept 1")
	p.Log.Wait(t, 1, "message is handled again later", "delay=5s")
	hosttest.Eventually(t, "the broker has the acknowledgement", func() bool { return unacknowledged(t, node, "short") == 0 })
	node.Kill()
	node.Start()
	w.handled(t, "kept 2")
}

// unacknowledged returns how many messages of a queue are delivered and not settled.
func unacknowledged(t *testing.T, node *brokertest.Node, queue string) (n int) {
	t.Helper()
	list := node.Control("--silent", "list_queues", "name", "messages_unacknowledged")
	for line := range strings.Lines(list) {
		if f := strings.Fields(line); len(f) == 2 && f[0] == queue {
			if _, err := fmt.Sscan(f[1], &n); err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("%s is not among the queues:\n%s", queue, list)
	return 0
}

// A broker that is killed just after a delay queue was declared may lose it. A message published to
// it is not yet acknowledged at that time, so it is delivered again.
func TestDelayQueueLost(t *testing.T) {
	t.Parallel()
	node := brokertest.StartNode(t)
	w := newWaiting(0)
	failed := false
	w.fail = func(string, int) error {
		if !failed {
			failed = true
			return service.RetryAfter(time.Hour, errors.New("fault"))
		}
		return nil
	}
	start(t, node.URI(), w)
	node.Control("eval", "mnesia:sync_log().") // saves the queues that the service declares at its start
	kept := transport.Publishing{Key: "short", Body: []byte(`"kept"`), Properties: transport.Properties{ContentType: "application/json", Persistent: true}}
	if err := hosttest.Dial(t, transport.Config{URI: node.URI()}).Publish(t.Context(), kept); err != nil {
		t.Fatal(err)
	}
	w.handled(t, "kept 1")
	delay := deadletter.DelayQueue("short", time.Hour)
	ch := brokertest.Channel(t, node.URI())
	hosttest.Eventually(t, "the message is in the delay queue", func() bool {
		q, err := ch.QueueDeclarePassive(delay, true, false, false, false, nil)
		if err != nil {
			ch = brokertest.Channel(t, node.URI())
		}
		return err == nil && q.Messages == 1
	})
	node.Kill()
	node.Start()
	w.handled(t, "kept 1")
}

// If the broker refuses the queues to the user of a service, the row says so at start, and works
// without retries.
func TestRetryForbidden(t *testing.T) {
	t.Parallel()
	for name, configure := range map[string]string{
		"no queue of ours": "^(short|other|long-delay)$",
		"no delay queue":   `^(short|other|long-delay|gomeko\.retry\..*)$`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			uri := brokertest.RabbitMQ(t)
			user := brokertest.NewUser(t, uri)
			user.Grant(configure, ".*", ".*")
			w := newWaiting(2)
			w.fail = func(text string, _ int) error {
				if text == "parked" {
					return service.Park(errors.New("fault"))
				}
				return errors.New("fault")
			}
			p := start(t, user.URI("secret"), w)
			p.Log.Wait(t, 1, "retry is off", "queue=short", "ACCESS_REFUSED", `^gomeko\\.(delay|retry|suspect|dead)\\.short`)
			send(t, uri, "short", "lost")
			w.handled(t, "lost 1")
			send(t, uri, "short", "parked")
			w.handled(t, "parked 1")
			p.Log.Wait(t, 1, "a failed message is not kept", "queue=short", "why=")
			hosttest.Close(t, p.Stop)
			if n := brokertest.Depth(t, uri, "short"); n != 0 {
				t.Errorf("got %d messages left, want them acknowledged as without retry", n)
			}
		})
	}
}

// A process that dies after the delay queue has the message, but before it has acknowledged it,
// leaves two copies: both are handled, and neither is lost.
func TestDeathBetweenPublishAndAck(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		w := newWaiting(2)
		p := start(t, uri, w)
		send(t, uri, "short", "one")
		w.handled(t, "one 1", "one 2")
		hosttest.Close(t, p.Stop)
		conn := hosttest.Dial(t, transport.Config{URI: uri})
		d := &transport.Delivery{Key: "short", Body: []byte(`"twin"`), Properties: transport.Properties{ContentType: "application/json"}}
		left := deadletter.Attempt{Key: "short", Number: 2, First: time.Now()}.Publishing(d, deadletter.DelayQueue("short", 200*time.Millisecond))
		if err := conn.Publish(t.Context(), left); err != nil {
			t.Fatal(err)
		}
		send(t, uri, "short", "twin")
		start(t, uri, w)
		w.handled(t, "twin 1", "twin 2", "twin 2")
	})
}

// A message of the retry queue whose connection is lost while it is handled is not handled a second
// time.
func TestCutWhileRetried(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		w := newWaiting(0)
		begun, end := make(chan int), make(chan error)
		w.fail = func(_ string, attempt int) error {
			begun <- attempt
			return <-end
		}
		p := start(t, uri, w)
		send(t, uri, "short", "one")
		next := func(want int) {
			t.Helper()
			got := hosttest.Receive(t, "an attempt", begun)
			if got == 1 && want > 1 { // the acknowledgement of the first one was lost with its connection
				end <- nil
				got = hosttest.Receive(t, "an attempt", begun)
			}
			if got != want {
				t.Errorf("got attempt %d, want %d", got, want)
			}
		}
		for attempt := range 2 {
			next(attempt + 1)
			p.Log.Wait(t, attempt, "message is handled again later")
			p.tap.Cut()
			p.Log.Wait(t, attempt+1, again)
			end <- errors.New("fault")
		}
		next(3)
		end <- nil
		hosttest.Close(t, p.Stop)
		for _, queue := range []string{"short", deadletter.RetryQueue("short")} {
			if n := brokertest.Depth(t, uri, queue); n != 0 || len(begun) > 0 {
				t.Errorf("%s: got %d messages left, want none", queue, n)
			}
		}
	})
}

// A message without a readable header in the retry queue was published by somebody else. It is
// handled like a new one.
func TestForgedRetries(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		s := newStubborn(func(int, string) error { return nil })
		start(t, uri, s)
		for _, header := range []any{nil, "x", int32(3), amqp.Table{"attempt": "many", "exchange": int32(1), "key": strings.Repeat("k", 300)}} {
			post(t, uri, "", deadletter.RetryQueue("retried"), amqp.Publishing{Body: []byte(`"text"`), Headers: amqp.Table{deadletter.RetryHeader: header}})
			if got := hosttest.Receive(t, "the call", s.tried); got.Number != 1 || got.Headers != "[]" || got.Data != "[]" {
				t.Errorf("%v: got %+v", header, got)
			}
		}
		forged := amqp.Table{deadletter.RetryHeader: amqp.Table{"attempt": int32(9)}, "x-death": "x", "x-first-death-queue": "q"}
		post(t, uri, "", "retried", amqp.Publishing{Body: []byte(`"text"`), Headers: forged})
		if got := hosttest.Receive(t, "the call", s.tried); got.Number != 1 || got.Data != "[]" {
			t.Errorf("a header of a sender: got %+v", got)
		}
	})
}

// Upstream calls another service for each of its messages.
type Upstream struct {
	_ service.Name `service:"upstream"`

	Entrypoints struct {
		Do messaging.Consumer `messaging:"upstream" retry:"100ms*100"`
	}

	Down rpc.Client `rpc:"downstream"`

	done chan int
}

func (u *Upstream) Do(ctx context.Context, n int) error {
	ctx, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	if err := u.Down.Call(ctx, "check", nil, n); err != nil {
		return err
	}
	u.done <- n
	return nil
}

// Downstream returns errors that it declares, and others.
type Downstream struct {
	_ service.Name `service:"downstream"`

	Entrypoints struct {
		Check rpc.Method `rpc:"check(n)"`
	}

	closed chan struct{} // it refuses until this is closed
}

func (d *Downstream) Check(context.Context, int) error {
	select {
	case <-d.closed:
		return nil
	default:
		return rpc.NewError("downstream.Closed", "closed")
	}
}

// Messages whose calls to another service fail are retried until that service answers, whether it
// has never run, is down, or returns an error that it has declared.
func TestDownstreamRestarts(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		u, down := &Upstream{done: make(chan int, 100)}, &Downstream{closed: make(chan struct{})}
		p := start(t, uri, u)
		post(t, uri, "", "upstream", amqp.Publishing{Body: []byte("1")})
		p.Log.Wait(t, 2, "call failed", "upstream.do", "Unknown service")
		d := start(t, uri, down)
		p.Log.Wait(t, 2, "call failed", "upstream.do", "Closed")
		hosttest.Close(t, d.Stop)
		post(t, uri, "", "upstream", amqp.Publishing{Body: []byte("2")})
		p.Log.Wait(t, 2, "call failed", "upstream.do", "nobody consumes queue")
		close(down.closed)
		start(t, uri, down)
		got := []int{hosttest.Receive(t, "a call", u.done), hosttest.Receive(t, "a call", u.done)}
		if slices.Sort(got); !slices.Equal(got, []int{1, 2}) {
			t.Errorf("got %v", got)
		}
		if parked := p.Log.Lines("message parked"); len(parked) > 0 {
			t.Errorf("got %q, want none parked", parked)
		}
	})
}
