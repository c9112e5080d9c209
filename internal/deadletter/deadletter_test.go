package deadletter_test

import (
	"context"
	"errors"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/deadletter"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/transport"
)

func dial(t *testing.T, uri string) *transport.Conn {
	t.Helper()
	c, err := transport.Dial(t.Context(), transport.Config{URI: uri, Logger: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { hosttest.Close(t, c.Close) })
	return c
}

// limit returns a context that ends a hanging test.
func limit(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func declare(t *testing.T, c *transport.Conn, topology transport.Topology) {
	t.Helper()
	if err := c.Declare(limit(t), topology); err != nil {
		t.Fatal(err)
	}
}

func publish(t *testing.T, c *transport.Conn, p transport.Publishing) {
	t.Helper()
	if err := c.Publish(limit(t), p); err != nil {
		t.Fatal(err)
	}
}

func consume(t *testing.T, c *transport.Conn, queue string) <-chan *transport.Delivery {
	t.Helper()
	deliveries := make(chan *transport.Delivery, 100)
	_, err := c.Consume(limit(t), transport.Consume{Queue: queue, Handle: func(d *transport.Delivery) { deliveries <- d }})
	if err != nil {
		t.Fatal(err)
	}
	return deliveries
}

// TestNames checks the names of queues, and that a long one is hashed to fit.
func TestNames(t *testing.T) {
	names := func(queue string) []string {
		return []string{
			deadletter.DelayQueue(queue, 90*time.Second), deadletter.RetryQueue(queue), deadletter.SuspectQueue(queue), deadletter.DeadQueue(queue),
		}
	}
	if got, want := names("bills"), []string{"gomeko.delay.bills.90000", "gomeko.retry.bills", "gomeko.suspect.bills", "gomeko.dead.bills"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	long := strings.Repeat("é", 127)
	for i, name := range names(long) {
		if other := names(long + "x")[i]; len(name) > 255 || !strings.HasPrefix(name, "gomeko.") || name == other || strings.ContainsRune(name, '\ufffd') {
			t.Errorf("got %q (%d bytes) and %q, want two names of at most 255 bytes", name, len(name), other)
		}
	}
	for _, queue := range []string{"bills", "bills.10", long} {
		for _, name := range append(names(queue), deadletter.LockQueue(queue)) {
			if !deadletter.Owns(queue, name) || deadletter.Owns("orders", name) || deadletter.Owns(queue+".1", name) {
				t.Errorf("%s: got another owner than %s", name, queue)
			}
		}
	}
	if deadletter.Owns("bills", "bills") || deadletter.Owns("bills", "gomeko.delay.bills.x") || deadletter.Owns("bills", "gomeko.delay.bills.10.5") {
		t.Error("got queues that are not its own")
	}
	if queue, ok := deadletter.OfDead("gomeko.dead.bills"); queue != "bills" || !ok {
		t.Errorf("got %q, %v, want bills", queue, ok)
	}
	if _, ok := deadletter.OfDead("gomeko.retry.bills"); ok {
		t.Error("a retry queue is a dead queue")
	}
}

// TestWay sends a message the whole way: from its queue through a delay to the retry queue, to the
// dead queue and back. Headers and properties on which a broker would act have no effect on the
// way, and are restored at its end.
func TestWay(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		c := dial(t, uri)
		var queues deadletter.Queues
		declare(t, c, transport.Topology{
			Queues: []transport.Queue{{Name: "bills", Durable: true}, {Name: "copy", Durable: true}, queues.Dead("bills"), queues.Suspect("bills")},
		})
		declare(t, c, queues.Delay("bills", 50*time.Millisecond))
		copied := consume(t, c, "copy")
		publish(t, c, transport.Publishing{Key: "bills", Body: []byte("body"), Properties: transport.Properties{
			Headers: transport.Table{"CC": []any{"copy"}, "x-death": "no list", "nameko.locale": "de", "gomeko.retry": "forged", "gomeko.original": 1},
			ReplyTo: "here", CorrelationID: "c", MessageID: "m", Priority: 3, ContentType: "text/plain", Expiration: time.Hour,
			Timestamp: time.Unix(1700000000, 0),
		}})
		hosttest.Next(t, copied).Ack()

		d := hosttest.Next(t, consume(t, c, "bills"))
		deadletter.Strip(d.Headers)
		want := contentOf(d)
		attempt := deadletter.First(d)
		attempt.Number, attempt.First, attempt.Deadline = 2, time.UnixMilli(1700000000123), time.UnixMilli(1800000000456)
		publish(t, c, attempt.Publishing(d, deadletter.DelayQueue("bills", 50*time.Millisecond)))
		d.Ack()

		retries := consume(t, c, deadletter.RetryQueue("bills"))
		d = hosttest.Next(t, retries)
		if got := deadletter.Open(d); got != attempt {
			t.Errorf("got %+v, want %+v", got, attempt)
		}
		if got := contentOf(d); !reflect.DeepEqual(got, want) {
			t.Errorf("after the delay: got\n%+v, want\n%+v", got, want)
		}
		publish(t, c, attempt.Publishing(d, deadletter.SuspectQueue("bills")))
		d.Ack()

		suspects := consume(t, c, deadletter.SuspectQueue("bills"))
		hosttest.Next(t, suspects).Reject(true)
		d = hosttest.Next(t, suspects)
		if got := deadletter.Open(d); got.Returns != 1 || got.Number != 2 {
			t.Errorf("got %+v, want one return", got)
		}
		original := deadletter.Original{
			Exchange: d.Exchange, Key: d.Key, Queue: "bills", Service: "shop", Row: "Bill", Reason: deadletter.Exhausted,
			ErrorType: "*pq.Error", Error: "no table", Stack: "main.go:1", Attempts: 2,
			First: attempt.First, Last: time.UnixMilli(1700000005000), Host: "h/1", Sensitive: true,
		}
		publish(t, c, queues.Publishing(d, original))
		d.Ack()

		d = hosttest.Next(t, consume(t, c, deadletter.DeadQueue("bills")))
		if d.Expiration != deadletter.DefaultKeep {
			t.Errorf("got %s, want that it is kept for 30 days", d.Expiration)
		}
		got, ok := deadletter.ReadOriginal(d.Headers)
		original.ID, original.Folded = got.ID, got.Folded
		if !ok || got.ID == "" || !reflect.DeepEqual(got, original) {
			t.Errorf("got %v\n%+v, want\n%+v", ok, got, original)
		}
		publish(t, c, got.Replay(d, "bills"))
		d.Ack()

		d = hosttest.Next(t, retries)
		if got := deadletter.Open(d); got.Number != 1 || !got.First.Equal(attempt.First) {
			t.Errorf("replayed: got %+v, want attempt 1", got)
		}
		if got := contentOf(d); !reflect.DeepEqual(got, want) {
			t.Errorf("replayed: got\n%+v, want\n%+v", got, want)
		}
		if len(copied) > 0 {
			t.Error("CC has made another copy")
		}
	})
}

// A content is the part of a delivery that a method can see.
type content struct {
	exchange, key, body string
	transport.Properties
}

func contentOf(d *transport.Delivery) content {
	c := content{d.Exchange, d.Key, string(d.Body), d.Properties}
	c.Timestamp = c.Timestamp.UTC()
	return c
}

// TestDeadQueueIsBounded checks that a full dead queue rejects messages and drops none.
func TestDeadQueueIsBounded(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		c := dial(t, uri)
		queues := deadletter.Queues{MaxDead: 1000, Keep: -1}
		declare(t, c, transport.Topology{Queues: []transport.Queue{queues.Dead("q")}})
		declare(t, c, transport.Topology{Queues: []transport.Queue{deadletter.Queues{MaxDead: 5}.Dead("q")}}) // an existing queue with other arguments is not a 406
		p := queues.Publishing(&transport.Delivery{Body: make([]byte, 600)}, deadletter.Original{Queue: "q"})
		if p.Expiration != 0 {
			t.Errorf("got the expiration %s, want none", p.Expiration)
		}
		taken := 0
		var err error
		for ; err == nil && taken < 10; taken++ {
			err = c.Publish(limit(t), p)
		}
		if !errors.Is(err, transport.ErrNacked) {
			t.Fatalf("got %v, want that the broker refuses what is over the bound", err)
		}
		if n, _, err := c.Inspect(limit(t), "gomeko.dead.q"); n != taken-1 || err != nil {
			t.Errorf("got %d messages and %v, want %d", n, err, taken-1)
		}
	})
}

// TestReturnsAreUnlimited requeues a parked message ten times more than RabbitMQ 4's default
// delivery limit allows.
func TestReturnsAreUnlimited(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		c := dial(t, uri)
		var queues deadletter.Queues
		declare(t, c, transport.Topology{Queues: []transport.Queue{queues.Dead("q")}})
		publish(t, c, queues.Publishing(&transport.Delivery{}, deadletter.Original{Queue: "q"}))
		deliveries := consume(t, c, "gomeko.dead.q")
		for range 30 {
			hosttest.Next(t, deliveries).Reject(true)
		}
		hosttest.Next(t, deliveries).Ack()
	})
}

// TestHeadersAreBounded parks a message with large headers.
func TestHeadersAreBounded(t *testing.T) {
	many := transport.Table{}
	for i := range 3000 {
		many[strings.Repeat("n", 1+i%50)+time.Duration(i).String()] = int64(i)
	}
	for name, test := range map[string]struct {
		headers transport.Table
		leftOut string
		stack   bool
	}{
		"small":   {transport.Table{"a": "b"}, "", true},
		"a stack": {transport.Table{"a": strings.Repeat("x", 26<<10)}, "", false},
		"large":   {transport.Table{"a": "b", "large": strings.Repeat("x", 100<<10)}, "large", false},
		"folded":  {transport.Table{"a": "b", "x-death": strings.Repeat("x", 100<<10)}, "x-death", false},
		"deep":    {transport.Table{"a": "b", "CC": nested(31)}, "CC", true},
		"many":    {many, "…", false},
	} {
		t.Run(name, func(t *testing.T) {
			long := strings.Repeat("é", 10<<10)
			d := &transport.Delivery{Properties: transport.Properties{Headers: test.headers}}
			p := deadletter.Queues{}.Publishing(d, deadletter.Original{
				Queue: long, Exchange: long, Key: long, Service: long, Row: long, Reason: deadletter.Reason(long), ErrorType: long, Host: long,
				Error: long, Stack: long,
			})
			size, err := transport.TableSize(p.Headers)
			if err != nil || size > 32<<10 {
				t.Fatalf("got %d bytes and %v, want at most 32 KiB", size, err)
			}
			o, ok := deadletter.ReadOriginal(p.Headers)
			if !ok || (o.Stack != "") != test.stack || len(o.Stack) > 4<<10 || len(o.LeftOut) > 20 {
				t.Errorf("got %v, a stack of %d bytes, and %d headers left out", ok, len(o.Stack), len(o.LeftOut))
			}
			if got := strings.Join(o.LeftOut, " "); !strings.HasSuffix(got, test.leftOut) || (got == "") != (test.leftOut == "") {
				t.Errorf("got %q left out, want %q", got, test.leftOut)
			}
			if _, kept := p.Headers["a"]; name != "many" && !kept {
				t.Error("the small header is left out")
			}
		})
	}
}

// nested returns a list in a list, to the given depth.
func nested(depth int) any {
	var v any = "x"
	for range depth {
		v = []any{v}
	}
	return v
}

// FuzzHeaders reads headers of any type, and sends the result on.
func FuzzHeaders(f *testing.F) {
	f.Add("bills", int64(3), uint8(0), uint8(0))
	f.Add(strings.Repeat("x", 300), int64(-1), uint8(1), uint8(3))
	f.Fuzz(func(t *testing.T, text string, number int64, kind, depth uint8) {
		values := []any{
			text, number, int8(number), uint8(number), int16(number), uint16(number), int32(number), uint32(number), float64(number), true, nil,
			[]byte(text), time.Unix(number%1e12, 0), []any{text, number}, transport.Table{text[:min(len(text), 255)]: number}, nested(int(depth % 32)),
		}
		at := int(kind)
		value := func() any {
			at++
			return values[at%len(values)]
		}
		fields := func(names ...string) transport.Table {
			t := transport.Table{}
			for _, name := range names {
				t[name] = value()
			}
			return t
		}
		folded := fields("CC", "BCC", "x-death", "expiration", "user_id", "delivery_mode", "other")
		retry := fields("exchange", "key", "attempt", "first", "deadline")
		original := fields("id", "exchange", "key", "queue", "service", "row", "reason", "error_type", "error", "stack", "attempts", "first",
			"last", "host", "sensitive", "left_out")
		retry["folded"], original["folded"] = folded, folded
		d := &transport.Delivery{Properties: transport.Properties{Headers: transport.Table{
			"gomeko.retry": retry, "gomeko.original": original, "x-delivery-count": value(), "CC": value(), "x": value(),
		}}}
		if kind%7 == 0 {
			d.Headers["gomeko.retry"], d.Headers["gomeko.original"] = value(), value()
		}
		o, _ := deadletter.ReadOriginal(d.Headers)
		check := func(p transport.Publishing) {
			t.Helper()
			if _, err := transport.TableSize(p.Headers); err != nil || p.Expiration < 0 || len(p.Key) > 255 {
				t.Errorf("got %v, %s, %q: it cannot be sent", err, p.Expiration, p.Key)
			}
		}
		check(o.Replay(d, "q"))
		a := deadletter.Open(d)
		if a.Number < 1 || a.Returns < 0 || len(a.Exchange) > 255 || len(a.Key) > 255 {
			t.Errorf("got %+v", a)
		}
		check(a.Publishing(d, "q"))
		p := deadletter.Queues{}.Publishing(d, deadletter.Original{Queue: text, Error: text, Stack: text})
		check(p)
		if size, _ := transport.TableSize(p.Headers); size > 32<<10 {
			t.Errorf("got headers of %d bytes", size)
		}
	})
}
