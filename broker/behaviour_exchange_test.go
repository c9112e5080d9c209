package broker_test

import (
	"fmt"
	"strings"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

type table = amqp.Table

// arrivals publishes a message for each table of headers to a headers exchange. It returns the
// messages that reach a queue bound with the arguments.
func arrivals(arguments table, published ...table) func(*stage) string {
	return func(s *stage) string {
		s.queue("q", nil)
		s.queue("all", nil)
		s.bind("q", "", "amq.match", arguments)
		s.bind("all", "", "amq.match", nil)
		for i, h := range published {
			s.publish("amq.match", "", fmt.Sprint(i), headers(h))
		}
		if got := s.all("all", len(published)); len(got) != 2*len(published)-1 {
			return "not all arrived: " + got
		}
		return s.all("q", 0)
	}
}

func exchangeRows() []behaviour {
	return []behaviour{
		{name: "predeclared", do: func(s *stage) string {
			for name, kind := range map[string]string{
				"amq.direct": "direct", "amq.fanout": "fanout", "amq.topic": "topic",
				"amq.headers": "headers", "amq.match": "headers",
			} {
				s.check(s.ch.ExchangeDeclare(name, kind, true, false, false, false, nil))
			}
			s.check(s.ch.ExchangeDeclare("amq.rabbitmq.trace", "topic", true, false, true, false, nil))
			return "there"
		}, want: "there"},
		{name: "direct", do: func(s *stage) string {
			s.queue("a", nil)
			s.queue("b", nil)
			s.bind("a", "k", "amq.direct", nil)
			s.bind("b", "k", "amq.direct", nil)
			s.bind("b", "l", "amq.direct", nil)
			s.publish("amq.direct", "k", "1")
			s.publish("amq.direct", "l", "2")
			s.publish("amq.direct", "m", "3")
			return s.all("a", 1) + " | " + s.all("b", 2)
		}, want: "1 | 1 2"},
		{name: "fanout", do: func(s *stage) string {
			s.queue("q", nil)
			s.exchange("x", "fanout", nil)
			s.bind("q", "k", "x", nil)
			s.publish("x", "other", "1")
			return s.all("q", 1)
		}, want: "1"},
		{name: "the default exchange routes by the queue's name", do: func(s *stage) string {
			s.queue("q", nil)
			s.publish("", "q", "1")
			s.publish("", "Q", "2")
			return s.all("q", 1)
		}, want: "1"},
		{name: "topic words", do: func(s *stage) string {
			var got []string
			for _, key := range []string{"#", "*", "a.*", "a.#", "#.b", "*.*.b", "a.#.b", "#.#", ""} {
				s.queue("q", nil)
				s.bind("q", key, "amq.topic", nil)
				for _, k := range []string{"", "a", "a.b", "a.c.b", "b", "."} {
					s.publish("amq.topic", k, fmt.Sprintf("%q", k))
				}
				got = append(got, fmt.Sprintf("%s=%s", key, s.all("q", 0)))
				_, err := s.ch.QueueDelete("q", false, false, false)
				s.check(err)
			}
			return strings.Join(got, "; ")
		}, want: `#="" "a" "a.b" "a.c.b" "b" "."; *="a" "b"; a.*="a.b"; a.#="a" "a.b" "a.c.b"; #.b="a.b" "a.c.b" "b"; ` +
			`*.*.b="a.c.b"; a.#.b="a.b" "a.c.b"; #.#="" "a" "a.b" "a.c.b" "b" "."; =""`},
		{name: "headers all", do: arrivals(table{"x-match": "all", "a": 1, "b": "x"},
			table{"a": 1, "b": "x"}, table{"a": 1}, table{"a": 1, "b": "y"}, table{"a": 1, "b": "x", "c": 1}, table{}), want: "0 3"},
		{name: "headers all by default", do: arrivals(table{"a": 1, "b": "x"},
			table{"a": 1, "b": "x"}, table{"a": 1}), want: "0"},
		{name: "headers any", do: arrivals(table{"x-match": "any", "a": 1, "b": "x"},
			table{"a": 1, "b": "y"}, table{"b": "x"}, table{"a": 2}, table{"c": 1}, nil), want: "0 1"},
		{name: "headers that begin with x- do not count", do: arrivals(table{"x-match": "all", "x-a": 1, "b": 1},
			table{"b": 1}, table{"x-a": 2, "b": 1}, table{"x-a": 1}), want: "0 1"},
		{name: "headers all-with-x", do: arrivals(table{"x-match": "all-with-x", "x-a": 1, "b": 1},
			table{"b": 1}, table{"x-a": 2, "b": 1}, table{"x-a": 1, "b": 1}), want: "2"},
		{name: "headers any-with-x", do: arrivals(table{"x-match": "any-with-x", "x-a": 1, "b": 1},
			table{"b": 1}, table{"x-a": 1}, table{"x-a": 2}), want: "0 1"},
		{name: "headers any of none", do: arrivals(table{"x-match": "any"}, table{"a": 1}, nil), want: ""},
		{name: "headers of no value are to be there", do: arrivals(table{"a": nil},
			table{"a": 1}, table{"a": nil}, table{"b": 1}), want: "0 1"},
		{name: "headers are numbers or not", do: arrivals(table{"a": int32(1)}, table{"a": int32(1)}, table{"a": int64(1)},
			table{"a": 1.0}, table{"a": time.Unix(1, 0)}, table{"a": "1"}, table{"a": true}), want: "0 1 2 3"},
		{name: "headers of bytes are text", do: arrivals(table{"a": "1"}, table{"a": []byte("1")}, table{"a": int32(1)}), want: "0"},
		{name: "headers of tables and arrays", do: arrivals(table{"a": []any{"x", int32(1)}, "t": table{"k": "v"}},
			table{"a": []any{"x", int32(1)}, "t": table{"k": "v"}}, table{"a": []any{"x"}, "t": table{"k": "v"}}), want: "0"},
		{name: "arguments are of a binding's identity", do: func(s *stage) string {
			s.queue("q", nil)
			for _, a := range []table{{"x-match": "any", "a": 1}, {"x-match": "any", "b": 1}} {
				s.bind("q", "", "amq.headers", a)
			}
			s.publish("amq.headers", "", "both", headers(table{"a": 1, "b": 1}))
			s.check(s.ch.QueueUnbind("q", "", "amq.headers", table{"x-match": "any", "a": 1}))
			s.publish("amq.headers", "", "a", headers(table{"a": 1}))
			s.publish("amq.headers", "", "b", headers(table{"b": 1}))
			s.check(s.ch.QueueUnbind("q", "", "amq.headers", nil)) // there is none
			s.publish("amq.headers", "", "c", headers(table{"b": 1}))
			return s.all("q", 3)
		}, want: "both b c"},
		{name: "alternate exchange", do: func(s *stage) string {
			s.exchange("first", "direct", table{"alternate-exchange": "second"})
			s.exchange("second", "fanout", table{"alternate-exchange": "none"})
			s.queue("q", nil)
			s.queue("rest", nil)
			s.bind("q", "k", "first", nil)
			s.publish("first", "other", "lost")
			s.bind("rest", "", "second", nil)
			s.publish("first", "k", "1")
			s.publish("first", "other", "2")
			return s.all("q", 1) + " | " + s.all("rest", 1)
		}, want: "1 | 2"},
		{name: "alternate exchanges in a circle", do: func(s *stage) string {
			s.exchange("first", "direct", table{"alternate-exchange": "second"})
			s.exchange("second", "direct", table{"alternate-exchange": "first"})
			return s.publish("first", "k", "lost")
		}, want: "ack"},
		{name: "exchange to exchange", do: func(s *stage) string {
			s.exchange("events", "topic", nil)
			s.exchange("audit", "fanout", nil)
			s.queue("q", nil)
			s.bind("q", "", "audit", nil)
			s.check(s.ch.ExchangeBind("audit", "orders.#", "events", false, nil))
			s.publish("events", "orders.new", "1")
			s.publish("events", "bills.new", "2")
			s.check(s.ch.ExchangeUnbind("audit", "orders.#", "events", false, nil))
			s.publish("events", "orders.new", "3")
			return s.all("q", 1)
		}, want: "1"},
		{name: "exchanges in a circle", do: func(s *stage) string {
			s.exchange("a", "fanout", nil)
			s.exchange("b", "fanout", nil)
			s.queue("q", nil)
			s.bind("q", "", "a", nil)
			s.bind("q", "", "b", nil)
			s.check(s.ch.ExchangeBind("a", "", "b", false, nil))
			s.check(s.ch.ExchangeBind("b", "", "a", false, nil))
			s.check(s.ch.ExchangeBind("a", "", "a", false, nil))
			s.publish("a", "", "once")
			return s.all("q", 1)
		}, want: "once"},
		{name: "an exchange behind counts for the alternate", do: func(s *stage) string {
			s.exchange("first", "fanout", table{"alternate-exchange": "second"})
			s.exchange("second", "fanout", nil)
			s.exchange("dead end", "fanout", nil)
			s.queue("rest", nil)
			s.bind("rest", "", "second", nil)
			s.check(s.ch.ExchangeBind("dead end", "", "first", false, nil))
			s.publish("first", "", "1")
			return s.all("rest", 0)
		}, want: ""},
		{name: "internal exchanges route what comes from others", do: func(s *stage) string {
			s.check(s.ch.ExchangeDeclare("inner", "fanout", true, false, true, false, nil))
			s.t.Cleanup(func() { s.check(s.channel().ExchangeDelete("inner", false, false)) })
			s.queue("q", nil)
			s.bind("q", "", "inner", nil)
			s.check(s.ch.ExchangeBind("inner", "k", "amq.direct", false, nil))
			s.publish("amq.direct", "k", "1")
			return s.all("q", 1)
		}, want: "1"},
		{name: "auto-delete goes with the last binding", do: func(s *stage) string {
			s.check(s.ch.ExchangeDeclare("gone", "fanout", false, true, false, false, nil))
			s.check(s.ch.ExchangeDeclare("gone too", "fanout", false, true, false, false, nil))
			s.queue("q", nil)
			s.check(s.ch.ExchangeBind("gone", "", "gone too", false, nil))
			s.bind("q", "", "gone", nil)
			s.check(s.ch.QueueUnbind("q", "", "gone", nil))
			var got []string
			for _, name := range []string{"gone", "gone too"} {
				if err := s.channel().ExchangeDeclarePassive(name, "fanout", false, false, false, false, nil); err != nil {
					got = append(got, err.(*amqp.Error).Reason)
				}
			}
			for i := range got {
				got[i], _, _ = strings.Cut(got[i], " in vhost")
			}
			return strings.Join(got, "; ")
		}, want: "NOT_FOUND - no exchange 'gone'; NOT_FOUND - no exchange 'gone too'"},
		{name: "a deleted exchange leaves no binding", do: func(s *stage) string {
			s.exchange("x", "fanout", nil)
			s.queue("q", nil)
			s.bind("q", "", "x", nil)
			s.check(s.ch.ExchangeDelete("x", false, false))
			s.exchange("x", "fanout", nil)
			s.publish("x", "", "lost")
			return s.all("q", 0)
		}, want: ""},
	}
}
