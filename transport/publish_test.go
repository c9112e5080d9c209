package transport_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/transport"
)

func TestReturns(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		c := dial(t, uri)
		declare(t, c, queue("there"))
		var wg sync.WaitGroup
		for i := range 200 {
			key := "there"
			if i%3 == 0 {
				key = "nowhere"
			}
			p := transport.Publishing{Key: key, Mandatory: i%2 == 0, Properties: transport.Properties{CorrelationID: fmt.Sprint(i / 12)}}
			check := func(err error) {
				defer wg.Done()
				var returned *transport.Returned
				if want := i%6 == 0; errors.As(err, &returned) != want || !want && err != nil {
					t.Errorf("publishing %d to %s: got %v, want returned: %t", i, key, err, want)
				} else if want && (returned.Code != 312 || returned.Key != key || returned.Text != "NO_ROUTE") {
					t.Errorf("got %+v, want 312 NO_ROUTE for %s", returned, key)
				}
			}
			wg.Add(1)
			if i%5 == 0 {
				go func() { check(c.Publish(limit(t), p)) }()
			} else if err := c.Send(limit(t), p, check); err != nil {
				t.Fatal(err)
			}
		}
		wg.Wait()
	})
}

func TestNacked(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		c := dial(t, uri)
		err := c.Declare(limit(t), transport.Topology{Queues: []transport.Queue{{
			Name: "full", Args: transport.Table{"x-max-length": 1, "x-overflow": "reject-publish"},
		}}})
		if err != nil {
			t.Skip(err) // the embedded broker may lack this
		}
		publish(t, c, "full", "first")
		if err := c.Publish(limit(t), transport.Publishing{Key: "full"}); err != nil && !errors.Is(err, transport.ErrNacked) {
			t.Errorf("got %v, want %v", err, transport.ErrNacked)
		} else if err == nil && strings.Contains(t.Name(), "rabbitmq") {
			t.Errorf("got no error, want %v", transport.ErrNacked)
		}
	})
}

func TestPublishingsThatCannotBeSent(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		c := dialConfig(t, transport.Config{URI: uri, MaxMessage: 1000})
		declare(t, c, queue("q"))
		nested := transport.Table{}
		for at, i := nested, 0; i < 40; i++ {
			next := transport.Table{}
			at["x"], at = next, next
		}
		cyclic := []any{nil}
		cyclic[0] = cyclic
		headers := func(value any) transport.Publishing {
			return transport.Publishing{Properties: transport.Properties{Headers: transport.Table{"h": value}}}
		}
		tests := []struct {
			p    transport.Publishing
			want string
		}{
			{transport.Publishing{Body: make([]byte, 1001)}, "body of 1001 bytes is over max_message, 1000"},
			{transport.Publishing{Key: strings.Repeat("k", 256)}, "routing key: 256 bytes, over the limit of 255"},
			{transport.Publishing{Exchange: strings.Repeat("e", 256)}, "exchange: 256 bytes, over the limit of 255"},
			{transport.Publishing{Properties: transport.Properties{ReplyTo: strings.Repeat("r", 256)}}, "reply_to: 256 bytes"},
			{transport.Publishing{Properties: transport.Properties{Expiration: -1}}, "expiration: must be between 0 and 1193h2m47.295s, not -1ns"},
			{transport.Publishing{Properties: transport.Properties{Expiration: 50 * 24 * time.Hour}}, "not 1200h0m0s"},
			{headers(strings.Repeat("x", 140_000)), "headers: 140011 bytes, over the 131007 that fit the broker's frame: move"},
			{headers(uint64(math.MaxUint64)), `headers: "h": 18446744073709551615 does not fit int64`},
			{headers([]any{math.NaN()}), `headers: "h": [0]: NaN is a number that RabbitMQ cannot read`},
			{headers(float32(math.Inf(-1))), `headers: "h": -Inf is a number that RabbitMQ cannot read`},
			{headers([]any{1, struct{}{}}), `headers: "h": [1]: struct {} is not an AMQP type: use nil`},
			{headers(nested), "nested deeper than 32"},
			{headers(cyclic), "nested deeper than 32"},
			{transport.Publishing{Properties: transport.Properties{Headers: transport.Table{"BCC": "q"}}}, `headers: "BCC" must be a list of routing keys ([]any), not string`},
			{transport.Publishing{Properties: transport.Properties{Headers: transport.Table{strings.Repeat("n", 256): 1}}}, "a name of 256 bytes, over the limit of 255"},
		}
		for _, test := range tests {
			test.p.Key = cmp.Or(test.p.Key, "q")
			err := c.Publish(limit(t), test.p)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q in it", err, test.want)
			}
		}
		var large *codec.TooLarge
		if err := c.Publish(limit(t), tests[0].p); !errors.As(err, &large) || large.Size != 1001 || large.Limit != c.MaxMessage() {
			t.Errorf("got %#v, want a *TooLarge", err)
		}
		if got := brokertest.Depth(t, uri, "q"); got != 0 || c.Epoch() != 1 {
			t.Errorf("got %d messages and epoch %d, want 0 and 1: something was written", got, c.Epoch())
		}
		// The largest possible message can be sent.
		p := headers(strings.Repeat("x", 130_900))
		p.Key, p.Mandatory, p.Body = "q", true, make([]byte, 1000)
		if err := c.Publish(limit(t), p); err != nil || c.Epoch() != 1 {
			t.Errorf("got %v in epoch %d, want none in 1", err, c.Epoch())
		}
	})
}

func TestPublishToMissingExchange(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		c := dial(t, uri)
		declare(t, c, queue("q"))
		publish(t, c, "q", "1")
		err := c.Publish(limit(t), transport.Publishing{Exchange: "nope"})
		var refusal *transport.Error
		if errors.Is(err, transport.ErrConnectionLost) || !errors.As(err, &refusal) || refusal.Code != 404 ||
			!strings.HasSuffix(err.Error(), "; declare the exchange first") {
			t.Errorf("got %v, want the broker's 404, and what to do", err)
		}
		publish(t, c, "q", "2") // on a fresh channel
		if c.Epoch() != 1 {
			t.Errorf("got epoch %d, want 1: the connection survives", c.Epoch())
		}
	})
}

func TestHeadersAndProperties(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		c := dial(t, uri)
		declare(t, c, queue("q"))
		_, deliveries := consume(t, c, "q", 0)
		sent := transport.Properties{
			ContentType: "a/b", ContentEncoding: "utf-8", Persistent: true, Priority: 3, CorrelationID: "c", ReplyTo: "r",
			Expiration: 90*time.Second + time.Nanosecond, MessageID: "m", Type: "t", AppID: "a",
			Headers: transport.Table{
				"nil": nil, "bool": true, "int": 7, "large": math.MaxInt64, "uint64": uint64(8), "float": 2.0,
				"string": "é", "bytes": []byte{0, 1}, "time": time.Unix(5, 0),
				"list": []any{1, "x", transport.Table{"a": 1}}, "table": map[string]any{"b": []any{}},
			},
		}
		if err := c.Publish(limit(t), transport.Publishing{Key: "q", Properties: sent, Body: []byte("x")}); err != nil {
			t.Fatal(err)
		}
		want := sent
		want.Expiration = 90*time.Second + time.Millisecond
		want.Headers = transport.Table{
			"nil": nil, "bool": true, "int": int32(7), "large": int64(math.MaxInt64), "uint64": int64(8), "float": 2.0,
			"string": "é", "bytes": []byte{0, 1}, "time": time.Unix(5, 0),
			"list": []any{int32(1), "x", transport.Table{"a": int32(1)}}, "table": transport.Table{"b": []any(nil)},
		}
		d := hosttest.Next(t, deliveries)
		if !reflect.DeepEqual(d.Properties, want) {
			t.Errorf("got %#v\nwant %#v", d.Properties, want)
		}
		publish(t, c, "q", "")
		if d := hosttest.Next(t, deliveries); !reflect.DeepEqual(d.Properties, transport.Properties{Headers: transport.Table{}}) {
			t.Errorf("got %#v, want no properties", d.Properties)
		}
	})
}

// TestWireOfProperties checks the properties that Nameko sends with every message and amqp091-go
// omits.
func TestWireOfProperties(t *testing.T) {
	tests := []struct {
		properties transport.Properties
		want       string // flags and properties, as bytes
	}{
		{transport.Properties{}, "\x38\x00\x00\x00\x00\x00\x01\x00"},
		{transport.Properties{ContentType: "a/b", ContentEncoding: "x", Persistent: true, CorrelationID: "c"},
			"\xfc\x00\x03a/b\x01x\x00\x00\x00\x00\x02\x00\x01c"},
		{transport.Properties{Headers: transport.Table{"a": true}, ReplyTo: "r"},
			"\x3a\x00\x00\x00\x00\x04\x01at\x01\x01\x00\x01r"},
		{transport.Properties{Priority: 9}, "\x38\x00\x00\x00\x00\x00\x01\x09"},
		{transport.Properties{Priority: 9, Headers: transport.Table{"a": true}}, "\x38\x00\x00\x00\x00\x04\x01at\x01\x01\x09"},
	}
	p := newProxy(t, brokertest.Embedded(t))
	c := dial(t, p.uri)
	declare(t, c, queue("q"))
	for _, test := range tests {
		// The body is larger than any buffer on the way.
		err := c.Publish(limit(t), transport.Publishing{Key: "q", Mandatory: true, Properties: test.properties, Body: make([]byte, 300_000)})
		if err != nil {
			t.Fatal(err)
		}
		sent := p.methods()
		if header := sent[len(sent)-1]; header.class != 60 || string(header.payload[8:]) != test.want {
			t.Errorf("%+v: got %q, want %q", test.properties, header.payload[8:], test.want)
		}
	}
}

// TestHeadersThatAMQP091CannotRead receives headers that RabbitMQ accepts and that would make
// amqp091-go close the connection, again after every reconnect.
func TestHeadersThatAMQP091CannotRead(t *testing.T) {
	p := newProxy(t, brokertest.Embedded(t))
	c := dial(t, p.uri)
	declare(t, c, queue("q"))
	_, deliveries := consume(t, c, "q", 0)
	magic := int64(0x1122334455667788)
	bytesOf := func(kind string) []byte { return binary.BigEndian.AppendUint64([]byte(kind), uint64(magic)) }
	for _, test := range []struct {
		kind string
		want transport.Table
	}{
		{"L", transport.Table{"a": magic, "b": []any{magic}}}, // as py-amqp writes integers over 31 bits
		{"Q", transport.Table{}},                              // not a type of AMQP
	} {
		p.mu.Lock()
		p.edit = func(b []byte) []byte { return bytes.ReplaceAll(b, bytesOf("l"), bytesOf(test.kind)) }
		p.mu.Unlock()
		err := c.Publish(limit(t), transport.Publishing{Key: "q", Mandatory: true, Body: []byte("body"), Properties: transport.Properties{
			ContentType: "a/b", CorrelationID: "c", Headers: transport.Table{"a": magic, "b": []any{magic}},
		}})
		if err != nil {
			t.Fatal(err)
		}
		d := hosttest.Next(t, deliveries)
		if !reflect.DeepEqual(d.Headers, test.want) || d.CorrelationID != "c" || string(d.Body) != "body" || c.Epoch() != 1 {
			t.Errorf("%s: got %#v in epoch %d, want headers %v in 1", test.kind, d, c.Epoch(), test.want)
		}
	}
}

func TestPublishToABrokerThatDoesNotRead(t *testing.T) {
	p := newProxy(t, brokertest.Embedded(t))
	c := dial(t, p.uri)
	declare(t, c, queue("q"))
	publish(t, c, "q", "")
	p.hang()
	cause := errors.New("test deadline")
	ctx, cancel := context.WithCancelCause(limit(t))
	// This is far more than the socket, the proxy and the buffer hold.
	var settled sync.WaitGroup
	failed := 0
	time.AfterFunc(300*time.Millisecond, func() { cancel(cause) })
	for range 40 {
		settled.Add(1)
		if err := c.Send(ctx, transport.Publishing{Key: "q", Body: make([]byte, 1<<20)}, func(err error) {
			defer settled.Done()
			if err != nil {
				t.Errorf("got %v, want none once the broker reads again", err)
			}
		}); err != nil {
			settled.Done()
			failed++
			if !errors.Is(err, cause) {
				t.Fatalf("got %v, want the cause", err)
			}
		}
	}
	if failed == 0 {
		t.Error("got 40 MiB buffered, want publishers to wait")
	}
	// The error of a publisher that waits for its confirm has the broker's reason.
	p.inject(append([]byte("\x01\x00\x00\x00\x00\x00\x0f\x00\x0a\x00\x3c\x0alow on mem"), 0xce)) // connection.blocked
	hosttest.Eventually(t, "publishers get the reason of the alarm", func() bool {
		ctx, cancel := context.WithTimeoutCause(limit(t), 10*time.Millisecond, cause)
		defer cancel()
		err := c.Publish(ctx, transport.Publishing{Key: "q"})
		return errors.Is(err, cause) && strings.Contains(err.Error(), "broker blocks publishing (low on mem)")
	})
	p.release()
	settled.Wait()
}

// TestPublishers makes the broker refuse what one Publisher publishes: no publishing of another
// fails.
func TestPublishers(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		c := dial(t, uri)
		declare(t, c, queue("q"))
		other := c.Publisher()
		stop, ended := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(ended)
			for {
				select {
				case <-stop:
					return
				default:
				}
				var refused *transport.Error
				if err := other.Publish(limit(t), transport.Publishing{Exchange: "missing"}); !errors.As(err, &refused) || refused.Code != 404 {
					t.Errorf("to a missing exchange: got %v, want a 404", err)
				}
			}
		}()
		var wg sync.WaitGroup
		for range 2000 {
			wg.Add(1)
			err := c.Send(limit(t), transport.Publishing{Key: "q"}, func(err error) {
				defer wg.Done()
				if err != nil {
					t.Errorf("by another Publisher: got %v", err)
				}
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		wg.Wait()
		close(stop)
		<-ended
	})
}

// TestSpoiled publishes to several exchanges, one of which does not exist, at once and with the
// same Publisher: what is published to the others is confirmed, and the error of the rest says why.
func TestSpoiled(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		c := dial(t, uri)
		declare(t, c, transport.Topology{
			Exchanges: []transport.Exchange{{Name: "good", Kind: "fanout"}},
			Queues:    []transport.Queue{{Name: "q", Durable: true}},
			Bindings:  []transport.Binding{{Queue: "q", Exchange: "good"}},
		})
		var wg sync.WaitGroup
		for i := range 400 {
			exchange := []string{"good", "", "missing", "good"}[i%4]
			wg.Go(func() {
				err := c.Publish(limit(t), transport.Publishing{Exchange: exchange, Key: "q", Mandatory: true})
				var refused *transport.Error
				if exchange != "missing" && err != nil {
					t.Errorf("to %q: got %v", exchange, err)
				}
				if exchange == "missing" && (!errors.As(err, &refused) || refused.Code != 404 || errors.Is(err, transport.ErrConnectionLost)) {
					t.Errorf("to a missing exchange: got %v, want a 404", err)
				}
			})
		}
		wg.Wait()
		if c.Epoch() != 1 {
			t.Errorf("got epoch %d, want 1", c.Epoch())
		}
	})
}

// TestManyExchanges publishes to more exchanges than a Publisher keeps channels for.
func TestManyExchanges(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		c := dial(t, uri)
		var all transport.Topology
		for i := range 150 {
			all.Exchanges = append(all.Exchanges, transport.Exchange{Name: fmt.Sprint("x", i), Kind: "fanout", AutoDelete: true})
		}
		declare(t, c, all)
		var wg sync.WaitGroup
		for i := range 600 {
			wg.Go(func() {
				if err := c.Publish(limit(t), transport.Publishing{Exchange: fmt.Sprint("x", i%150)}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	})
}

// TestForbiddenTopic publishes to a topic that the user may not write to: publishings with other
// keys on the same channel do not fail with its refusal.
func TestForbiddenTopic(t *testing.T) {
	refusal := transport.Error{Code: 403, Text: "ACCESS_REFUSED - access to topic 'dump.a' in exchange 'x' in vhost '/' refused for user 'u'"}
	if !refusal.Refuses("x", "dump.a") || refusal.Refuses("x", "ping.a") || refusal.Refuses("y", "dump.a") {
		t.Error("got a refusal of other keys too, want of dump.a alone")
	}
}
