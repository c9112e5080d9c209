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

// An Attempt is what a method saw of a call.
type Attempt struct {
	Number        int
	Exchange, Key string
	Headers       string
	Data          string
	Payload       string
}

// Stubborn fails as its messages say.
type Stubborn struct {
	_ service.Name `service:"stubborn"`

	Entrypoints struct {
		Try   messaging.Consumer `messaging:"retried" exchange:"shop" kind:"topic" key:"order.#" retry:"20ms*2 50ms"`
		Plain messaging.Consumer `messaging:"plain" method:"Try"`
	}

	tried chan Attempt
	fail  func(attempt int, payload string) error
}

func (s *Stubborn) Try(ctx context.Context, m messaging.Message, payload string) error {
	call := service.FromContext(ctx)
	s.tried <- Attempt{call.Attempt, m.Exchange, m.Key, fmt.Sprint(names(m.Headers)), fmt.Sprint(names(call.Data)), payload}
	return s.fail(call.Attempt, payload)
}

func names(t map[string]any) []string {
	all := []string{}
	for name := range t {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

func newStubborn(fail func(attempt int, payload string) error) *Stubborn {
	return &Stubborn{tried: make(chan Attempt, 1000), fail: fail}
}

// post sends a message with a header, to an exchange.
func post(t *testing.T, uri, exchange, key string, m amqp.Publishing) {
	t.Helper()
	m.ContentType = "application/json"
	if err := brokertest.Channel(t, uri).PublishWithContext(t.Context(), exchange, key, true, false, m); err != nil {
		t.Fatal(err)
	}
}

// parked waits for the next message in the dead queue of a queue, and removes it.
func parked(t *testing.T, uri, queue string) (amqp.Delivery, amqp.Table) {
	t.Helper()
	var d amqp.Delivery
	hosttest.Eventually(t, "a message of "+queue+" is parked", func() (ok bool) {
		var err error
		d, ok, err = brokertest.Channel(t, uri).Get(deadletter.DeadQueue(queue), true)
		return err == nil && ok
	})
	original, _ := d.Headers[deadletter.OriginalHeader].(amqp.Table)
	return d, original
}

// A message whose call fails is handled again after the delays of its row, as it was first
// published, and then parked with what is known about it.
func TestRetry(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		s := newStubborn(func(int, string) error { return fmt.Errorf("charge: %w", errors.New("no luck")) })
		p := start(t, uri, s)
		began := time.Now()
		post(t, uri, "shop", "order.paid", amqp.Publishing{
			Body: []byte(`"bill"`), Headers: amqp.Table{"nameko.user": "ann", "CC": []any{"cc"}}, Expiration: "60000",
			MessageId: "m1", Timestamp: time.Unix(1700000000, 0), CorrelationId: "c1", Priority: 3,
		})
		for n := range 4 {
			got := hosttest.Receive(t, "an attempt", s.tried)
			want := Attempt{n + 1, "shop", "order.paid", "[CC nameko.user]", "[CC user]", "bill"}
			if got != want {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		}
		if took := time.Since(began); took < 90*time.Millisecond {
			t.Errorf("got all attempts within %s, want 90 ms of delays", took)
		}
		d, original := parked(t, uri, "retried")
		for name, want := range map[string]any{
			"exchange": "shop", "key": "order.paid", "queue": "retried", "service": "stubborn", "row": "Try",
			"reason": "exhausted", "error": "charge: no luck", "error_type": "*errors.errorString", "attempts": int32(4),
		} {
			if got := original[name]; got != want {
				t.Errorf("%s: got %v (%[2]T), want %v", name, got, want)
			}
		}
		if string(d.Body) != `"bill"` || d.MessageId != "m1" || d.Timestamp.Unix() != 1700000000 || d.CorrelationId != "c1" || d.Priority != 3 || d.Headers["nameko.user"] != "ann" {
			t.Errorf("got %+v, want the message as it was", d)
		}
		for _, name := range []string{"CC", "x-death", deadletter.RetryHeader} {
			if d.Headers[name] != nil {
				t.Errorf("the parked message has the header %s", name)
			}
		}
		p.Log.Wait(t, 1, "message parked", "reason=exhausted", "attempts=4", "gomeko dead show retried")
		p.Log.Wait(t, 3, "message is handled again later")
		hosttest.Close(t, p.Stop)
		if n := brokertest.Depth(t, uri, "retried"); n != 0 {
			t.Errorf("got %d messages left", n)
		}
	})
}

var errOwn = rpc.NewError("stubborn.Own", "it is wrong")

// remote returns an expected error of another service.
func remote(t *testing.T) error {
	t.Helper()
	return remoteError{}
}

// A remoteError is an expected error that came from another service.
type remoteError struct{}

func (remoteError) Error() string  { return "taken" }
func (remoteError) Expected() bool { return true }
func (remoteError) Remote() bool   { return true }

// The kind of an error, and what the method asks for, decide what happens to a message.
func TestFates(t *testing.T) {
	t.Parallel()
	fault := errors.New("fault")
	for name, test := range map[string]struct {
		queue    string
		body     string
		fail     func(attempt int) error
		attempts int
		reason   string // of the parked message; "" if it is not parked
	}{
		"own expected":            {queue: "retried", fail: always(errOwn), attempts: 1, reason: "expected"},
		"another service's":       {queue: "retried", fail: always(remote(t)), attempts: 4, reason: "exhausted"},
		"timeout":                 {queue: "retried", fail: always(fmt.Errorf("%w: %w", service.ErrTimeout, errOwn)), attempts: 4, reason: "exhausted"},
		"panic":                   {queue: "retried", fail: func(int) error { panic("no") }, attempts: 4, reason: "exhausted"},
		"panic in Error":          {queue: "retried", fail: always(rude{}), attempts: 4, reason: "exhausted"},
		"then good":               {queue: "retried", fail: until(3, fault), attempts: 3},
		"park":                    {queue: "retried", fail: always(service.Park(fault)), attempts: 1, reason: "asked"},
		"drop":                    {queue: "retried", fail: always(service.Drop(fault)), attempts: 1},
		"retry after":             {queue: "retried", fail: always(service.RetryAfter(30*time.Millisecond, fault)), attempts: 4, reason: "exhausted"},
		"retry after too long":    {queue: "retried", fail: always(service.RetryAfter(48*time.Hour, fault)), attempts: 1, reason: "asked"},
		"unreadable":              {queue: "retried", body: `{"no": "text"}`, fail: always(nil), reason: "unreadable"},
		"too large":               {queue: "retried", body: `"` + strings.Repeat("x", maxMessage) + `"`, fail: always(nil), reason: "unreadable"},
		"plain":                   {queue: "plain", fail: always(fault), attempts: 1},
		"plain, park":             {queue: "plain", fail: always(service.Park(fault)), attempts: 1, reason: "asked"},
		"plain, drop":             {queue: "plain", fail: always(service.Drop(fault)), attempts: 1},
		"plain, retry after":      {queue: "plain", fail: until(2, service.RetryAfter(0, fault)), attempts: 2},
		"plain, unreadable":       {queue: "plain", body: `{"no": "text"}`, fail: always(nil)},
		"plain, retry, then fail": {queue: "plain", fail: until(2, service.RetryAfter(0, fault), fault), attempts: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			brokertest.Each(t, func(t *testing.T, uri string) {
				s := newStubborn(func(attempt int, _ string) error { return test.fail(attempt) })
				p := start(t, uri, s)
				body := test.body
				if body == "" {
					body = `"text"`
				}
				post(t, uri, "", test.queue, amqp.Publishing{Body: []byte(body)})
				for n := range test.attempts {
					if got := hosttest.Receive(t, "an attempt", s.tried); got.Number != n+1 || got.Exchange != "" || got.Key != test.queue {
						t.Errorf("got %+v, want attempt %d", got, n+1)
					}
				}
				if test.attempts == 0 && test.reason == "" {
					p.Log.Wait(t, 1, "message dropped")
				}
				if test.reason != "" {
					if d, original := parked(t, uri, test.queue); original["reason"] != test.reason || string(d.Body) != body {
						t.Errorf("got %v", original)
					}
				}
				hosttest.Close(t, p.Stop)
				if len(s.tried) > 0 {
					t.Errorf("got a further attempt: %+v", <-s.tried)
				}
				if n := brokertest.Depth(t, uri, test.queue); n != 0 {
					t.Errorf("got %d messages left", n)
				}
			})
		})
	}
}

// always returns a function that fails with err.
func always(err error) func(int) error { return func(int) error { return err } }

// until returns a function that fails with err before an attempt, and with the rest from then on.
func until(attempt int, err error, then ...error) func(int) error {
	return func(n int) error {
		if n < attempt {
			return err
		}
		return errors.Join(then...)
	}
}

// A rude error panics.
type rude struct{}

func (rude) Error() string  { panic("rude") }
func (rude) Expected() bool { panic("rude") }

// Default has rows for the default of the configuration.
type Default struct {
	_ service.Name `service:"default"`

	Entrypoints struct {
		Retried  messaging.Consumer `messaging:"by-default" method:"Do"`
		Off      messaging.Consumer `messaging:"off" retry:"off" method:"Do"`
		Requeued messaging.Consumer `messaging:"given-back" requeue:"true" method:"Do"`
		Early    messaging.Consumer `messaging:"early" ack:"early" method:"Do"`
		Gone     messaging.Consumer `messaging:"gone" auto_delete:"true" method:"Do"`
	}

	done chan string
}

func (d *Default) Do(ctx context.Context, m messaging.Message) error {
	d.done <- fmt.Sprint(m.Key, " ", service.FromContext(ctx).Attempt)
	if m.Key == "given-back" && m.Properties.MessageID == "again" {
		return nil
	}
	return errors.New("fault")
}

// The default of the configuration applies to rows that do not say otherwise.
func TestRetryByDefault(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		d := &Default{done: make(chan string, 100)}
		h := hosttest.Start(t, hosttest.Config{Broker: transport.Config{URI: uri}}, d, service.Configure(messaging.Config{Retry: "10ms"}))
		for _, queue := range []string{"off", "early", "gone", "by-default"} {
			post(t, uri, "", queue, amqp.Publishing{Body: []byte(`1`)})
		}
		want := []string{"by-default 1", "by-default 2", "early 1", "gone 1", "gone 2", "off 1"}
		var got []string
		for range want {
			got = append(got, hosttest.Receive(t, "an attempt", d.done))
		}
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		parked(t, uri, "by-default")
		post(t, uri, "", "given-back", amqp.Publishing{Body: []byte(`1`)})
		for range 2 {
			if got := hosttest.Receive(t, "an attempt", d.done); got != "given-back 1" {
				t.Errorf("got %s, want given-back 1", got)
			}
		}
		hosttest.Close(t, h.Stop)
	})
}

// A message of a row with ack:"early" is acknowledged before its call.
func TestAckEarly(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		e := &Early{begun: make(chan string), end: make(chan error)}
		p := start(t, uri, e)
		send(t, uri, "early", "one")
		hosttest.Receive(t, "the call", e.begun)
		p.tap.Cut()
		p.Log.Wait(t, 1, "connection to the broker lost")
		send(t, uri, "early", "two")
		if got := hosttest.Receive(t, "the second message", e.begun); got != "two" {
			t.Errorf("got %s again", got)
		}
		e.end <- service.RetryAfter(time.Second, errors.New("later"))
		e.end <- service.Drop(errors.New("never"))
		p.Log.Wait(t, 1, "have no effect with ack", "queue=early")
		hosttest.Close(t, p.Stop)
		if n := brokertest.Depth(t, uri, "early"); n != 0 {
			t.Errorf("got %d messages left", n)
		}
	})
}

// Early acknowledges before it runs.
type Early struct {
	_ service.Name `service:"early"`

	Entrypoints struct {
		Do messaging.Consumer `messaging:"early" ack:"early"`
	}

	begun chan string
	end   chan error
}

func (e *Early) Do(_ context.Context, text string) error {
	e.begun <- text
	return <-e.end
}

// The log lines about a failed message have the ids of the calls that led to it.
func TestRetryTrail(t *testing.T) {
	t.Parallel()
	uri := brokertest.Embedded(t)
	w := newWaiting(0)
	w.fail = func(_ string, attempt int) error {
		if attempt == 1 {
			return errors.New("fault")
		}
		return service.Park(errors.New("fault"))
	}
	p := start(t, uri, w)
	stack := amqp.Table{"nameko.call_id_stack": []any{"shop.buy.1", "bills.send.2"}}
	post(t, uri, "", "short", amqp.Publishing{Body: []byte(`"one"`), ContentType: "application/json", Headers: stack})
	w.handled(t, "one 1", "one 2")
	for _, text := range []string{"message is handled again later", "message parked"} {
		p.Log.Wait(t, 1, text, "root_call_id=shop.buy.1", "parent_call_id=bills.send.2")
	}
}
