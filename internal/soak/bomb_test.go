package soak_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime/metrics"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/events"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Victim is a service with a row for each way in which a body is decoded.
type Victim struct {
	_ service.Name `service:"victim"`

	Entrypoints struct {
		Do    rpc.Method     `rpc:"do(x=1)"`
		Rest  rpc.Method     `rpc:"rest(*rest)"`
		Opts  rpc.Method     `rpc:"opts(**opts)"`
		Typed rpc.Method     `rpc:"typed(items)"`
		Heard events.Handler `events:"attacker.bomb"`
	}
}

func (*Victim) Do(_ context.Context, x any) (int, error)                 { return 1, nil }
func (*Victim) Rest(_ context.Context, rest []any) (int, error)          { return len(rest), nil }
func (*Victim) Opts(_ context.Context, opts map[string]any) (int, error) { return len(opts), nil }
func (*Victim) Heard(context.Context, any) error                         { return nil }

// An Item is large in memory and small in JSON.
type Item struct {
	A, B, C, D [16]int64
	Next       *Item
}

func (*Victim) Typed(_ context.Context, items []Item) (int, error) { return len(items), nil }

// memoryLimit is the memory that each process of a Victim may use.
const memoryLimit = 512 << 20

// newVictim returns a Victim, in a process that ends when it uses more memory.
func newVictim() any {
	limitMemory(memoryLimit)
	go watchMemory()
	return new(Victim)
}

// watchMemory ends the process when Go has obtained more memory from the system than the limit.
func watchMemory() {
	all := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	for ; ; time.Sleep(time.Millisecond) {
		metrics.Read(all)
		if used := all[0].Value.Uint64() - all[1].Value.Uint64(); used > memoryLimit {
			fmt.Fprintf(os.Stderr, "out of memory: %d bytes\n", used)
			os.Exit(3)
		}
	}
}

// A bomb is a request that is small on the wire. Short tests only send the first ones.
type bomb struct{ name, method, contentType, body string }

func bombs() []bomb {
	const size = 16<<20 - 100 // after decompression
	fill := func(text string) string { return strings.Repeat(text, size/len(text)) }
	args := func(args string) string { return `{"args":` + args + `,"kwargs":{}}` }
	list := func(element string) string { return "[" + strings.TrimSuffix(fill(element+","), ",") + "]" }
	argument := func(x string) string { return args("[" + x + "]") }
	var names strings.Builder
	for i := 0; names.Len() < size-20; i++ {
		names.WriteString(`"` + strconv.Itoa(i) + `":0,`)
	}
	object := "{" + strings.TrimSuffix(names.String(), ",") + "}"
	deep := strings.Repeat("[", 9000) + strings.Repeat("]", 9000)
	const packed = "\x82\xa6kwargs\x80\xa4args"
	length := func(code byte, n int) string {
		return string([]byte{code, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
	}
	json, msgpack := "application/json", "application/x-msgpack"
	return []bomb{
		{"string", "do", json, args(`"` + fill("a") + `"`)},
		{"list of objects", "do", json, argument(list(`{"":0}`))},
		{"depth", "do", json, argument(list(deep))},
		{"msgpack argument", "do", msgpack, packed + "\x91" + length(0xdd, size-25) + strings.Repeat("\x80", size-25)},
		{"typed", "typed", json, argument(list("{}"))},
		{"keywords for opts", "opts", json, `{"args":[],"kwargs":` + object + `}`},
		{"list for rest", "rest", json, args(list("0"))},
		{"list", "do", json, args(list("0"))},
		{"object", "do", json, args(object)},
		{"list of lists", "do", json, argument(list("[]"))},
		{"list of envelopes", "do", json, argument(list(`{"__type__":"date","__value__":0}`))},
		{"string for rest", "rest", json, args(`"` + fill("a") + `"`)},
		{"keywords", "do", json, `{"args":[],"kwargs":` + object + `}`},
		{"typed and linked", "typed", json, argument(list(strings.Repeat(`{"Next":`, 9000) + "{}" + strings.Repeat("}", 9000)))},
		{"not a mapping", "do", json, list("[]")},
		{"msgpack bytes", "do", msgpack, packed + length(0xc6, size-20) + strings.Repeat("\x00", size-20)},
		{"msgpack list", "rest", msgpack, packed + length(0xdd, size-20) + strings.Repeat("\xc0", size-20)},
	}
}

// TestBombs sends requests to two processes that have little memory. Decoded, the requests would
// take gigabytes. Both processes survive. Each sender is answered in time, and other calls are,
// too.
func TestBombs(t *testing.T) {
	const limit = 30 * time.Second
	all, times := bombs()[:8], 1
	if whole() {
		all, times = bombs(), 3
	}
	brokertest.Each(t, func(t *testing.T, uri string) {
		nobody := func(line string) { t.Errorf("a process reported %q", line) }
		victims := []*process{start(t, "victim", uri, nobody), start(t, "victim", uri, nobody)}
		for _, p := range victims {
			p.wait()
		}
		var others sync.WaitGroup
		others.Go(func() { callBeside(t, uri, 1000) })
		ch := brokertest.Channel(t, uri)
		replies := brokertest.Bind(t, ch, "nameko-rpc", "attacker")
		for _, b := range all {
			p := amqp.Publishing{
				ContentType: b.contentType, ReplyTo: "attacker", CorrelationId: b.name, Headers: amqp.Table{"compression": "gzip"},
				Body: codec.Deflate([]byte(b.body)), Expiration: strconv.FormatInt(limit.Milliseconds(), 10),
			}
			for range times {
				if err := ch.Publish("nameko-rpc", "victim."+b.method, false, false, p); err != nil {
					t.Fatal(err)
				}
			}
		}
		for range times * len(all) {
			select {
			case reply := <-replies:
				isError(t, reply)
			case <-time.After(limit + slack):
				t.Fatal("a sender was not answered in time")
			}
		}
		others.Wait()
		for _, p := range victims {
			p.stop()
		}
	})
}

// isError checks that a reply contains an understandable error.
func isError(t *testing.T, reply amqp.Delivery) {
	t.Helper()
	var body struct{ Error *rpc.Error }
	var err error
	if bytes.HasPrefix(reply.Body, []byte("{")) {
		err = json.Unmarshal(reply.Body, &body)
	} else {
		_, data, openErr := transport.Config{}.Accepts().Open(codec.Body{ContentType: reply.ContentType, Data: reply.Body}, 1<<20, nil)
		err = errors.Join(openErr, transport.Config{}.Accepts().Of(reply.ContentType).Decode(data, &body))
	}
	if err != nil || body.Error == nil || len(reply.Body) > 1000 {
		t.Errorf("%s: got %.1000s, %v, want an error", reply.CorrelationId, reply.Body, err)
		return
	}
	t.Logf("%s: %s", reply.CorrelationId, body.Error)
}

// callBeside makes calls that must succeed.
func callBeside(t *testing.T, uri string, calls int) {
	conn, err := transport.Dial(t.Context(), transport.Config{URI: uri})
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close(context.Background())
	caller, err := rpc.NewCaller(t.Context(), conn, rpc.Config{Timeout: time.Minute})
	if err != nil {
		t.Error(err)
		return
	}
	defer caller.Close(context.Background())
	var callers sync.WaitGroup
	for range 10 {
		callers.Go(func() {
			for range calls / 10 {
				if err := caller.Client("victim").Call(t.Context(), "do", nil, "x"); err != nil {
					t.Errorf("a call beside the bombs: %v", err)
					return
				}
			}
		})
	}
	callers.Wait()
}

// TestEventBombs is like [TestBombs], for messages that are not answered: they are dropped.
func TestEventBombs(t *testing.T) {
	all := bombs()[:6]
	if whole() {
		all = bombs()
	}
	brokertest.Each(t, func(t *testing.T, uri string) {
		victim := start(t, "victim", uri, func(line string) { t.Errorf("the process reported %q", line) })
		victim.wait()
		ch := brokertest.Channel(t, uri)
		for _, b := range all {
			if err := ch.Publish("attacker.events", "bomb", false, false, amqp.Publishing{
				ContentType: b.contentType, Headers: amqp.Table{"compression": "gzip"}, Body: codec.Deflate([]byte(b.body)),
			}); err != nil {
				t.Fatal(err)
			}
		}
		hosttest.Eventually(t, "all messages are delivered", func() bool { return brokertest.Depth(t, uri, "evt-attacker-bomb--victim.heard") == 0 })
		victim.stop()
	})
}
