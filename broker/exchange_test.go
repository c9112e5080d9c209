package broker_test

import (
	"slices"
	"strings"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/broker"
)

func TestRouting(t *testing.T) {
	tests := []struct {
		kind     string
		bindings string // one for each queue; "a|b" are two of one queue
		key      string
		want     string // the bindings of the queues that receive it
	}{
		{"direct", "a b a", "a", "a a"},
		{"direct", "a b", "c", ""},
		{"direct", "a|b", "b", "a|b"},
		{"direct", "a.* #", "a.b", ""},
		{"fanout", "a b", "c", "a b"},
		{"fanout", "a|b", "", "a|b"},
		{"topic", "a.b a.* *.b # a.# #.b b.a", "a.b", "a.b a.* *.b # a.# #.b"},
		{"topic", "a.# a.*.# a.*", "a", "a.#"},
		{"topic", "a.#|*.b|#", "a.b", "a.#|*.b|#"},
		{"topic", "a.#.d a.*.d #.c.# *.*.*.*", "a.b.c.d", "a.#.d #.c.# *.*.*.*"},
		{"topic", "#.a.#.a.# #.#.a a.#.#", "a.x.a", "#.a.#.a.# #.#.a a.#.#"},
		{"topic", "#.a.#.a.#", "x.a.x", ""},
		{"topic", "# *", "", "#"},
		{"topic", "a. a.* a.# a a.*.*", "a.", "a. a.* a.#"},
		{"topic", "a..b a.*.b a.b", "a..b", "a..b a.*.b"},
		{"topic", ".a *.a a", ".a", ".a *.a"},
		{"topic", "rpc.hello rpc.*", "rpc.Hello", "rpc.*"},
	}
	for _, tt := range tests {
		t.Run(tt.kind+" "+tt.key+" in "+tt.bindings, func(t *testing.T) {
			ch := open(t, start(t, broker.Config{}))
			if err := ch.ExchangeDeclare("x", tt.kind, false, false, false, false, nil); err != nil {
				t.Fatal(err)
			}
			queues := make(map[string]string) // name: bindings
			for _, keys := range strings.Fields(tt.bindings) {
				q := declare(t, ch)
				queues[q] = keys
				for _, key := range strings.Split(keys, "|") {
					for range 2 { // binding twice is binding once
						if err := ch.QueueBind(q, key, "x", false, nil); err != nil {
							t.Fatal(err)
						}
					}
				}
			}
			if err := ch.PublishWithContext(t.Context(), "x", tt.key, false, false, amqp.Publishing{}); err != nil {
				t.Fatal(err)
			}
			var got []string
			for q, keys := range queues {
				for range length(t, ch, q) {
					got = append(got, keys)
				}
			}
			want := strings.Fields(tt.want)
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("got the queues bound by %q, want %q", got, want)
			}
		})
	}
}

// length returns how many messages are ready in a queue.
func length(t *testing.T, ch *amqp.Channel, queue string) int {
	t.Helper()
	q, err := ch.QueueDeclarePassive(queue, false, false, false, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	return q.Messages
}

// A key with many words and bindings with many wildcards must not block the broker.
func TestTopicOfManyWildcards(t *testing.T) {
	ch := open(t, start(t, broker.Config{}))
	q := declare(t, ch)
	binding := strings.Repeat("#.*.", 60) + "z"
	if err := ch.QueueBind(q, binding, "amq.topic", false, nil); err != nil {
		t.Fatal(err)
	}
	key := strings.Repeat("a.", 120) + "y"
	for _, key := range []string{key, key[:len(key)-1] + "z"} {
		if err := ch.PublishWithContext(t.Context(), "amq.topic", key, false, false, amqp.Publishing{}); err != nil {
			t.Fatal(err)
		}
	}
	if got := length(t, ch, q); got != 1 {
		t.Errorf("got %d messages, want 1", got)
	}
}

func TestUnbind(t *testing.T) {
	for _, kind := range []string{"direct", "fanout", "topic"} {
		t.Run(kind, func(t *testing.T) {
			ch := open(t, start(t, broker.Config{}))
			q := declare(t, ch)
			if err := ch.ExchangeDeclare("x", kind, false, true, false, false, nil); err != nil {
				t.Fatal(err)
			}
			for _, key := range []string{"a.b", "a.b.c"} {
				if err := ch.QueueBind(q, key, "x", false, nil); err != nil {
					t.Fatal(err)
				}
			}
			if err := ch.QueueUnbind(q, "a.b", "x", nil); err != nil {
				t.Fatal(err)
			}
			for _, key := range []string{"a.b", "a.b.c"} {
				if err := ch.PublishWithContext(t.Context(), "x", key, false, false, amqp.Publishing{}); err != nil {
					t.Fatal(err)
				}
			}
			want := 1
			if kind == "fanout" {
				want = 2
			}
			if got := length(t, ch, q); got != want {
				t.Errorf("got %d messages, want %d", got, want)
			}
			if err := ch.QueueUnbind(q, "a.b.c", "x", nil); err != nil {
				t.Fatal(err)
			}
			if err := ch.ExchangeDeclarePassive("x", kind, false, true, false, false, nil); err == nil {
				t.Error("an auto-delete exchange outlives its last binding")
			}
		})
	}
}

func TestDeleteExchange(t *testing.T) {
	ch := open(t, start(t, broker.Config{}))
	q := declare(t, ch)
	for range 2 { // the second exchange does not inherit the bindings of the first
		if err := ch.ExchangeDeclare("x", "direct", false, false, false, false, nil); err != nil {
			t.Fatal(err)
		}
		if err := ch.PublishWithContext(t.Context(), "x", "k", false, false, amqp.Publishing{}); err != nil {
			t.Fatal(err)
		}
		if got := length(t, ch, q); got != 0 {
			t.Errorf("got %d messages, want 0", got)
		}
		if err := ch.QueueBind(q, "k", "x", false, nil); err != nil {
			t.Fatal(err)
		}
		if err := ch.ExchangeDelete("x", false, false); err != nil {
			t.Fatal(err)
		}
	}
}
