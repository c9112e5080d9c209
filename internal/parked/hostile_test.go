package parked_test

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/deadletter"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/internal/parked"
	"github.com/gomeko/gomeko/transport"
)

// hostile returns messages that anybody with permission to publish can publish.
func hostile() map[string]amqp.Publishing {
	var deep any = "x"
	for range 31 {
		deep = []any{deep}
	}
	never := time.Unix(1<<60, 0)
	headers := func(h amqp.Table) amqp.Publishing { return amqp.Publishing{Headers: h} }
	return map[string]amqp.Publishing{
		"late timestamp":  {Timestamp: never},
		"overflow":        {Timestamp: time.Unix(math.MaxInt64, 0)},
		"late header":     headers(amqp.Table{"a": never, "b": []any{never}}),
		"not UTF-8":       headers(amqp.Table{"a": "\xff\xfe", "\xff": amqp.Table{"\xfe": "\xfd"}}),
		"decimal":         headers(amqp.Table{"a": amqp.Decimal{Scale: 2, Value: 7}}),
		"deep":            headers(amqp.Table{"a": deep}),
		"large":           headers(amqp.Table{"a": strings.Repeat("x", 130_800)}),
		"copies":          headers(amqp.Table{"CC": []any{"victim"}, "x-death": "x", "gomeko.retry": "x"}),
		"envelope":        headers(amqp.Table{"__type__": "datetime", "__value__": amqp.Table{"__type__": "decimal", "__value__": "x"}}),
		"wrong original":  headers(amqp.Table{"gomeko.original": "x"}),
		"hostile folded":  headers(amqp.Table{"gomeko.original": amqp.Table{"id": "1", "folded": amqp.Table{"CC": []any{"victim"}, "expiration": "x", "user_id": "root"}}}),
		"hostile numbers": headers(amqp.Table{"gomeko.original": amqp.Table{"id": "1", "first": never, "last": int64(math.MaxInt64), "attempts": int64(-5)}}),
		"hostile texts":   headers(amqp.Table{"gomeko.original": amqp.Table{"id": "\x1b[2J", "error": "\xff", "row": 5, "left_out": []any{7, "\xff"}}}),
	}
}

// TestHostileMessages shows, exports, imports and replays messages with arbitrary headers. None of
// them prevents this for the other messages in its queue.
func TestHostileMessages(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		c, all := dial(t, transport.Config{URI: uri}), hostile()
		if err := c.Declare(limit(t), transport.Topology{Queues: []transport.Queue{{Name: "victim", AutoDelete: true}}}); err != nil {
			t.Fatal(err)
		}
		for name, p := range all {
			surviveOne(t, c, brokertest.Channel(t, uri), name, p)
		}
		if n := brokertest.Depth(t, uri, "victim"); n != 1 {
			t.Errorf("got %d copies in another queue, want the one of the first publishing", n)
		}
	})
}

// surviveOne does with one message what the commands do.
func surviveOne(t *testing.T, c *transport.Conn, ch *amqp.Channel, name string, p amqp.Publishing) {
	t.Helper()
	if err := c.Declare(limit(t), transport.Topology{Queues: []transport.Queue{deadletter.Queues{}.Dead(name)}}); err != nil {
		t.Fatal(err)
	}
	p.Body = []byte("body of " + name)
	if err := ch.Publish("", "gomeko.dead."+name, false, false, p); err != nil {
		t.Fatal(err)
	}
	hosttest.Eventually(t, name+" is there", func() bool {
		n, _, err := c.Inspect(limit(t), "gomeko.dead."+name)
		return err == nil && n == 1
	})
	d := open(t, c, name)
	for range 2 { // the second time in the imported form
		look, err := d.Look(limit(t))
		if err != nil || len(look.Messages) != 1 {
			t.Fatalf("%s: got %d messages, %v", name, len(look.Messages), err)
		}
		m := look.Messages[0]
		if text, err := json.Marshal(d.View(limit(t), m, true)); err != nil || !strings.Contains(string(text), fmt.Sprintf("%q", p.Body)) {
			t.Errorf("%s: got view %.200s, %v", name, text, err)
		}
		line, err := m.Export()
		if err != nil {
			t.Fatalf("%s: got %v", name, err)
		}
		if r, err := d.Take(limit(t), parked.Work{Do: d.Drop}); err != nil || r.Taken != 1 {
			t.Fatalf("%s: dropped %+v, %v", name, r, err)
		}
		if n, err := parked.Import(limit(t), c, strings.NewReader(string(line)), deadletter.Queues{}, nil); n != 1 || err != nil {
			t.Fatalf("%s: imported %d of %.200s: %v", name, n, line, err)
		}
	}
	if _, err := d.Prepare(limit(t)); err != nil {
		t.Fatal(err)
	}
	if r, err := d.Take(limit(t), parked.Work{Do: d.Replay}); err != nil || r.Taken != 1 {
		t.Errorf("%s: replayed %+v, %v", name, r, err)
	}
}

// Only the embedded broker passes on numbers that RabbitMQ cannot parse.
func TestNumbersThatAreNone(t *testing.T) {
	uri := brokertest.Embedded(t)
	p := amqp.Publishing{Headers: amqp.Table{"a": math.NaN(), "b": []any{math.Inf(1), float32(math.Inf(-1))}}}
	surviveOne(t, dial(t, transport.Config{URI: uri}), brokertest.Channel(t, uri), "numbers", p)
}
