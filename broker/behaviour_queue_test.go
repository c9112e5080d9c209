package broker_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/internal/hosttest"
)

// deaths describes x-death and the headers that go with it, without times.
func deaths(d amqp.Delivery) string {
	var b strings.Builder
	list, _ := d.Headers["x-death"].([]any)
	for _, entry := range list {
		entry := maps.Clone(entry.(amqp.Table))
		if at, ok := entry["time"].(time.Time); !ok || time.Since(at).Abs() > time.Hour {
			b.WriteString("no time! ")
		}
		delete(entry, "time")
		text, _ := json.Marshal(entry)
		b.Write(text)
		b.WriteByte(' ')
	}
	for _, name := range []string{"queue", "reason", "exchange"} {
		fmt.Fprintf(&b, "%v/", d.Headers["x-first-death-"+name])
	}
	fmt.Fprintf(&b, " %q %q", d.Exchange, d.RoutingKey)
	return b.String()
}

// grave declares a queue for dead letters of the default exchange.
func (s *stage) grave(name string) { s.queue(name, nil) }

// fill declares the queue q and publishes to it. It returns how the messages were confirmed, and
// the content of the queue.
func (s *stage) fill(arguments amqp.Table, bodies ...string) string {
	s.t.Helper()
	s.queue("q", arguments)
	var confirms []string
	for _, body := range bodies {
		confirms = append(confirms, s.publish("", "q", body))
	}
	return strings.Join(confirms, " ") + ": " + s.all("q", 0)
}

func limitRows() []behaviour {
	return []behaviour{
		{name: "x-max-length drops the head", do: func(s *stage) string {
			return s.fill(table{"x-max-length": 2}, "1", "2", "3")
		}, want: "ack ack ack: 2 3"},
		{name: "x-max-length of 0", do: func(s *stage) string {
			return s.fill(table{"x-max-length": 0}, "1")
		}, want: "ack: "},
		{name: "x-max-length-bytes", do: func(s *stage) string {
			return s.fill(table{"x-max-length-bytes": 5}, "11", "22", "33", "333333")
		}, want: "ack ack ack ack: "},
		{name: "x-max-length-bytes counts bodies", do: func(s *stage) string {
			return s.fill(table{"x-max-length-bytes": 5}, "11", "22", "33")
		}, want: "ack ack ack: 22 33"},
		{name: "x-overflow drop-head", do: func(s *stage) string {
			return s.fill(table{"x-max-length": 1, "x-overflow": "drop-head"}, "1", "2")
		}, want: "ack ack: 2"},
		{name: "x-overflow reject-publish", do: func(s *stage) string {
			return s.fill(table{"x-max-length": 1, "x-overflow": "reject-publish"}, "1", "2")
		}, want: "ack nack: 1"},
		{name: "x-overflow reject-publish by bytes", do: func(s *stage) string {
			return s.fill(table{"x-max-length-bytes": 3, "x-overflow": "reject-publish"}, "11", "22", "3")
		}, want: "ack nack ack: 11 3"},
		{name: "reject-publish does not dead-letter", do: func(s *stage) string {
			s.grave("grave")
			got := s.fill(table{"x-max-length": 1, "x-overflow": "reject-publish", "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "grave"}, "1", "2")
			return got + " | " + s.all("grave", 0)
		}, want: "ack nack: 1 | "},
		{name: "reject-publish-dlx does", do: func(s *stage) string {
			s.grave("grave")
			got := s.fill(table{"x-max-length": 1, "x-overflow": "reject-publish-dlx", "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "grave"}, "1", "2")
			return got + " | " + deaths(s.get("grave"))
		}, want: `ack nack: 1 | {"count":1,"exchange":"","queue":"q","reason":"maxlen","routing-keys":["q"]} q/maxlen// "" "grave"`},
		{name: "unacknowledged messages do not count, requeued ones do", do: func(s *stage) string {
			s.queue("q", table{"x-max-length": 1})
			s.publish("", "q", "1")
			held := s.get("q")
			s.publish("", "q", "2")
			s.check(held.Nack(false, true))
			return s.all("q", 1)
		}, want: "2"},
		{name: "refused by one queue of two", do: func(s *stage) string {
			s.queue("q", table{"x-max-length": 0, "x-overflow": "reject-publish"})
			s.queue("other", nil)
			s.bind("q", "", "amq.fanout", nil)
			s.bind("other", "", "amq.fanout", nil)
			return s.publish("amq.fanout", "", "1") + " " + s.all("other", 1)
		}, want: "nack 1"},
		{name: "x-message-ttl", do: func(s *stage) string {
			s.grave("grave")
			s.queue("q", table{"x-message-ttl": 1, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "grave"})
			s.publish("", "q", "1")
			return s.all("grave", 1) + fmt.Sprint(s.depth("q"))
		}, want: "10"},
		{name: "x-message-ttl of 0 to a consumer", do: func(s *stage) string {
			s.queue("q", table{"x-message-ttl": 0})
			_, deliveries := s.consume("q", "", 0, nil)
			s.publish("", "q", "1")
			return string(hosttest.Next(s.t, deliveries).Body)
		}, want: "1"},
		{name: "the shorter of two times to live", do: func(s *stage) string {
			s.grave("grave")
			s.queue("q", table{"x-message-ttl": 3600000, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "grave"})
			s.publish("", "q", "1", expiration("1"))
			s.publish("", "q", "2", expiration("7200000"))
			return s.all("grave", 1) + " | " + s.all("q", 1)
		}, want: "1 | 2"},
		{name: "an expired message waits behind one that lives", do: func(s *stage) string {
			s.grave("grave")
			s.queue("q", table{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "grave"})
			s.publish("", "q", "1")
			s.publish("", "q", "2", expiration("0"))
			s.publish("", "q", "3", expiration("3600000"))
			before := s.depth("q")
			head := s.get("q")
			s.check(head.Ack(false))
			return fmt.Sprint(before, " ", s.all("grave", 1), " ", s.all("q", 1))
		}, want: "3 2 3"},
		{name: "x-expires", do: func(s *stage) string {
			_, err := s.ch.QueueDeclare("q", true, false, false, false, table{"x-expires": 1})
			s.check(err)
			for deadline := time.Now().Add(hosttest.Timeout); time.Now().Before(deadline); {
				if _, err := s.channel().QueueDeclarePassive("q", true, false, false, false, nil); err != nil {
					return fmt.Sprint(err.(*amqp.Error).Code)
				}
				time.Sleep(10 * time.Millisecond) // a passive declaration restarts x-expires
			}
			return "still there"
		}, want: "404"},
		{name: "x-max-priority", do: func(s *stage) string {
			s.queue("q", table{"x-max-priority": 5})
			for _, m := range []struct {
				body     string
				priority uint8
			}{{"0a", 0}, {"3a", 3}, {"9a", 9}, {"5a", 5}, {"3b", 3}, {"0b", 0}, {"1a", 1}} {
				s.publish("", "q", m.body, priority(m.priority))
			}
			return s.all("q", 7)
		}, want: "9a 5a 3a 3b 1a 0a 0b"},
		{name: "priorities and requeues", do: func(s *stage) string {
			s.queue("q", table{"x-max-priority": 5})
			s.publish("", "q", "low", priority(1))
			s.publish("", "q", "high", priority(2))
			s.publish("", "q", "high too", priority(2))
			held := []amqp.Delivery{s.get("q"), s.get("q"), s.get("q")}
			s.check(held[2].Nack(true, true))
			return s.all("q", 3)
		}, want: "high high too low"},
		{name: "x-max-length drops the highest priority first", do: func(s *stage) string {
			s.queue("q", table{"x-max-priority": 5, "x-max-length": 1})
			s.publish("", "q", "high", priority(2))
			s.publish("", "q", "low", priority(1))
			return s.all("q", 1)
		}, want: "low"},
		{name: "no priorities without x-max-priority", do: func(s *stage) string {
			s.queue("q", nil)
			s.publish("", "q", "1")
			s.publish("", "q", "2", priority(9))
			return s.all("q", 2)
		}, want: "1 2", four: "quorum queues have two priorities, normal and high"},
	}
}

func deathRows() []behaviour {
	dead := func(s *stage, more amqp.Table) {
		arguments := table{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "grave"}
		maps.Copy(arguments, more)
		s.queue("q", arguments)
	}
	return []behaviour{
		{name: "rejected", do: func(s *stage) string {
			s.grave("grave")
			dead(s, nil)
			s.publish("", "q", "1", headers(table{"mine": "kept"}))
			s.check(s.get("q").Reject(false))
			d := s.get("grave")
			return fmt.Sprint(d.Headers["mine"], " ", deaths(d))
		}, want: `kept {"count":1,"exchange":"","queue":"q","reason":"rejected","routing-keys":["q"]} q/rejected// "" "grave"`},
		{name: "nacked with others", do: func(s *stage) string {
			s.grave("grave")
			dead(s, nil)
			s.publish("", "q", "1")
			s.publish("", "q", "2")
			s.get("q")
			s.check(s.get("q").Nack(true, false))
			return s.all("grave", 2)
		}, want: "1 2"},
		{name: "expired, by its own property, which goes", do: func(s *stage) string {
			s.grave("grave")
			dead(s, nil)
			s.publish("", "q", "1", expiration("1"))
			d := s.get("grave")
			return fmt.Sprintf("%q %s", d.Expiration, deaths(d))
		}, want: `"" {"count":1,"exchange":"","original-expiration":"1","queue":"q","reason":"expired","routing-keys":["q"]} q/expired// "" "grave"`},
		{name: "dropped for length", do: func(s *stage) string {
			s.grave("grave")
			dead(s, table{"x-max-length": 1})
			s.publish("", "q", "1")
			s.publish("", "q", "2")
			return deaths(s.get("grave"))
		}, want: `{"count":1,"exchange":"","queue":"q","reason":"maxlen","routing-keys":["q"]} q/maxlen// "" "grave"`},
		{name: "with its own key", do: func(s *stage) string {
			s.exchange("graves", "direct", nil)
			s.grave("grave")
			s.bind("grave", "k", "graves", nil)
			s.queue("q", table{"x-dead-letter-exchange": "graves"})
			s.bind("q", "k", "amq.direct", nil)
			s.publish("amq.direct", "k", "1")
			s.check(s.get("q").Reject(false))
			return deaths(s.get("grave"))
		}, want: `{"count":1,"exchange":"amq.direct","queue":"q","reason":"rejected","routing-keys":["k"]} q/rejected/amq.direct/ "graves" "k"`},
		{name: "no such exchange", do: func(s *stage) string {
			s.queue("q", table{"x-dead-letter-exchange": "none"})
			s.publish("", "q", "1")
			s.check(s.get("q").Reject(false))
			return fmt.Sprint(s.depth("q"))
		}, want: "0"},
		{name: "twice for the same reason counts, another comes first", do: func(s *stage) string {
			s.queue("wait", table{"x-message-ttl": 1, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "q"})
			s.queue("q", table{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "wait"})
			s.publish("", "q", "1")
			s.check(s.get("q").Reject(false))
			s.check(s.get("q").Reject(false))
			return deaths(s.get("q"))
		}, want: `{"count":2,"exchange":"","queue":"wait","reason":"expired","routing-keys":["wait"]} ` +
			`{"count":2,"exchange":"","queue":"q","reason":"rejected","routing-keys":["q"]} q/rejected// "" "q"`},
		{name: "in a cycle of its own", do: func(s *stage) string {
			s.queue("q", table{"x-message-ttl": 1, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "q2"})
			s.queue("q2", table{"x-message-ttl": 1, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "last"})
			s.exchange("last", "fanout", nil)
			s.queue("last", table{"x-message-ttl": 1, "x-dead-letter-exchange": "last"})
			s.queue("end", nil)
			s.bind("q", "", "last", nil)
			s.bind("end", "", "last", nil)
			s.publish("", "q", "1")
			return s.all("end", 1)
		}, want: "1"},
		{name: "what a client wrote into x-death is kept", do: func(s *stage) string {
			s.grave("grave")
			dead(s, nil)
			s.publish("", "q", "1", headers(table{"x-death": []any{
				table{"count": int64(7), "queue": "q", "reason": "rejected", "mine": "kept"},
				table{"count": int64(2), "queue": "other", "reason": "expired"},
			}}))
			s.check(s.get("q").Reject(false))
			return deaths(s.get("grave"))
		}, want: `no time! {"count":8,"mine":"kept","queue":"q","reason":"rejected"} no time! {"count":2,"queue":"other","reason":"expired"} <nil>/<nil>/<nil>/ "" "grave"`,
			four: "x-death of clients is ignored"},
		{name: "an x-death of another type is replaced", do: func(s *stage) string {
			s.grave("grave")
			dead(s, nil)
			s.publish("", "q", "1", headers(table{"x-death": "odd"}))
			s.check(s.get("q").Reject(false))
			return deaths(s.get("grave"))
		}, want: `{"count":1,"exchange":"","queue":"q","reason":"rejected","routing-keys":["q"]} <nil>/<nil>/<nil>/ "" "grave"`},
		{name: "with CC", do: func(s *stage) string {
			s.exchange("graves", "topic", nil)
			s.grave("grave")
			s.bind("grave", "*", "graves", nil)
			s.queue("q", table{"x-dead-letter-exchange": "graves"})
			s.publish("", "q", "1", headers(table{"CC": []any{"a"}, "BCC": []any{"b"}}))
			s.check(s.get("q").Reject(false))
			d := s.get("grave")
			return fmt.Sprint(d.Headers["CC"], d.Headers["BCC"], " ", deaths(d))
		}, want: `[a] <nil> {"count":1,"exchange":"","queue":"q","reason":"rejected","routing-keys":["q","a"]} q/rejected// "graves" "q"`},
		{name: "with CC and a key of the queue's", do: func(s *stage) string {
			s.grave("grave")
			s.grave("a")
			dead(s, nil)
			s.publish("", "q", "1", headers(table{"CC": []any{"a"}}))
			s.take("a", 1)
			s.check(s.get("q").Reject(false))
			d := s.get("grave")
			return fmt.Sprint(d.Headers["CC"], " ", deaths(d), " ", s.all("a", 0))
		}, want: `<nil> {"count":1,"exchange":"","queue":"q","reason":"rejected","routing-keys":["q","a"]} q/rejected// "" "grave" `},
		{name: "not what is purged or deleted", do: func(s *stage) string {
			s.grave("grave")
			dead(s, nil)
			s.publish("", "q", "1")
			_, err := s.ch.QueuePurge("q", false)
			s.check(err)
			s.publish("", "q", "2")
			_, err = s.ch.QueueDelete("q", false, false, false)
			s.check(err)
			return s.all("grave", 0)
		}, want: ""},
	}
}

func quorumRows() []behaviour {
	quorum := func(more amqp.Table) amqp.Table {
		arguments := table{"x-queue-type": "quorum"}
		maps.Copy(arguments, more)
		return arguments
	}
	return []behaviour{
		{name: "x-delivery-count", do: func(s *stage) string {
			s.queue("q", quorum(nil))
			s.publish("", "q", "1", headers(table{"mine": "kept"}))
			var got []string
			for range 3 {
				d := s.get("q")
				got = append(got, fmt.Sprintf("%v %v %t", d.Headers["mine"], d.Headers["x-delivery-count"], d.Redelivered))
				s.check(d.Nack(false, true))
			}
			return strings.Join(got, "; ")
		}, want: "kept 0 false; kept 1 true; kept 2 true"},
		{name: "x-delivery-count to a consumer", do: func(s *stage) string {
			s.queue("q", quorum(nil))
			_, deliveries := s.consume("q", "", 1, nil)
			s.publish("", "q", "1")
			var got []string
			for range 3 {
				d := hosttest.Next(s.t, deliveries)
				got = append(got, fmt.Sprintf("%v %t", d.Headers["x-delivery-count"], d.Redelivered))
				s.check(d.Nack(false, true))
			}
			return strings.Join(got, "; ")
		}, want: "<nil> false; 1 true; 2 true"},
		{name: "x-delivery-limit", do: func(s *stage) string {
			s.grave("grave")
			s.queue("q", quorum(table{"x-delivery-limit": 2, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "grave"}))
			s.publish("", "q", "1")
			for range 3 {
				s.check(s.get("q").Nack(false, true))
			}
			d := s.get("grave")
			return fmt.Sprint(d.Headers["x-delivery-count"], " ", deaths(d))
		}, want: `<nil> {"count":1,"exchange":"","queue":"q","reason":"delivery_limit","routing-keys":["q"]} q/delivery_limit// "" "grave"`,
			four: "the limit is 20 by default, x-acquired-count counts too"},
		{name: "a client that is gone counts as well", do: func(s *stage) string {
			s.queue("q", quorum(nil))
			s.publish("", "q", "1")
			ch, deliveries := s.consume("q", "", 1, nil)
			hosttest.Next(s.t, deliveries)
			s.check(ch.Close())
			return fmt.Sprint(s.get("q").Headers["x-delivery-count"])
		}, want: "1"},
		{name: "what is returned comes in the order it was", do: func(s *stage) string {
			s.queue("q", quorum(nil))
			for i := range 3 {
				s.publish("", "q", fmt.Sprint(i))
			}
			held := []amqp.Delivery{s.get("q"), s.get("q"), s.get("q")}
			s.check(held[2].Nack(false, true))
			s.check(held[0].Nack(false, true))
			s.check(held[1].Nack(false, true))
			return s.all("q", 3)
		}, want: "2 0 1"},
		{name: "x-max-length", do: func(s *stage) string {
			s.queue("q", quorum(table{"x-max-length": 1}))
			s.publish("", "q", "1")
			s.publish("", "q", "2")
			return s.all("q", 1)
		}, want: "2"},
		{name: "x-message-ttl", do: func(s *stage) string {
			s.grave("grave")
			s.queue("q", quorum(table{"x-message-ttl": 1, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "grave"}))
			s.publish("", "q", "1")
			return deaths(s.get("grave"))
		}, want: `{"count":1,"exchange":"","queue":"q","reason":"expired","routing-keys":["q"]} q/expired// "" "grave"`},
		{name: "x-overflow reject-publish lets one more in", do: func(s *stage) string {
			return s.fill(quorum(table{"x-max-length": 1, "x-overflow": "reject-publish"}), "1", "2", "3")
		}, want: "ack ack nack: 1 2"},
		{name: "at least once: it arrives", do: func(s *stage) string {
			s.grave("grave")
			s.queue("q", atLeastOnce(nil))
			s.publish("", "q", "1")
			return deaths(s.get("grave"))
		}, want: `{"count":1,"exchange":"","queue":"q","reason":"expired","routing-keys":["q"]} q/expired// "" "grave"`},
		{name: "at least once: what has no target is hidden, and counts for x-max-length", do: func(s *stage) string {
			s.queue("q", atLeastOnce(table{"x-max-length": 1}))
			var got []string
			for i := range 3 {
				got = append(got, s.publish("", "q", fmt.Sprint(i)))
				hosttest.Eventually(s.t, "the messages have expired", func() bool { return s.depth("q") == 0 })
			}
			return strings.Join(got, " ")
		}, want: "ack ack nack"},
		{name: "at least once: not in a queue that drops its head", do: func(s *stage) string {
			s.queue("q", atLeastOnce(table{"x-max-length": 1, "x-overflow": "drop-head"}))
			var got []string
			for i := range 3 {
				got = append(got, s.publish("", "q", fmt.Sprint(i)))
				hosttest.Eventually(s.t, "the messages have expired", func() bool { return s.depth("q") == 0 })
			}
			return strings.Join(got, " ")
		}, want: "ack ack ack"},
	}
}

// atLeastOnce returns the arguments of a queue in which messages expire after 1 ms, and are
// dead-lettered at least once to the queue grave.
func atLeastOnce(more amqp.Table) amqp.Table {
	arguments := table{"x-queue-type": "quorum", "x-message-ttl": 1, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "grave",
		"x-dead-letter-strategy": "at-least-once", "x-overflow": "reject-publish"}
	maps.Copy(arguments, more)
	return arguments
}

func consumerRows() []behaviour {
	return []behaviour{
		{name: "x-single-active-consumer", do: func(s *stage) string {
			s.queue("q", table{"x-single-active-consumer": true})
			first, one := s.consume("q", "first", 0, nil)
			_, two := s.consume("q", "second", 0, nil)
			_, three := s.consume("q", "third", 0, table{"x-priority": 10})
			s.publish("", "q", "1")
			s.publish("", "q", "2")
			got := bodies([]amqp.Delivery{hosttest.Next(s.t, one), hosttest.Next(s.t, one)})
			s.check(first.Cancel("first", false))
			s.publish("", "q", "3")
			select {
			case d := <-two:
				got += " second " + string(d.Body)
			case d := <-three:
				got += " third " + string(d.Body)
			case <-time.After(hosttest.Timeout):
				return "nothing came"
			}
			s.check(first.Close())
			select {
			case d := <-two:
				got += " second " + string(d.Body)
			case d := <-three:
				got += " third " + string(d.Body)
			case <-time.After(hosttest.Timeout):
				return "nothing came"
			}
			return got
		}, want: "1 2 third 3 third 1", four: "a quorum queue lets a consumer of higher priority take over at once"},
		{name: "what a single active consumer held goes first to the next", do: func(s *stage) string {
			s.queue("q", table{"x-single-active-consumer": true})
			first, one := s.consume("q", "first", 1, nil)
			_, two := s.consume("q", "second", 1, nil)
			s.publish("", "q", "1")
			s.publish("", "q", "2")
			hosttest.Next(s.t, one)
			s.check(first.Close())
			d := hosttest.Next(s.t, two)
			return fmt.Sprint(string(d.Body), " ", d.Redelivered)
		}, want: "1 true"},
		{name: "consumer priorities", do: func(s *stage) string {
			s.queue("q", nil)
			_, low := s.consume("q", "low", 0, nil)
			_, high := s.consume("q", "high", 2, table{"x-priority": 5})
			_, mid := s.consume("q", "mid", 1, table{"x-priority": 1})
			for i := range 4 {
				s.publish("", "q", fmt.Sprint(i))
			}
			return fmt.Sprintf("%s %s|%s|%s", hosttest.Next(s.t, high).Body, hosttest.Next(s.t, high).Body, hosttest.Next(s.t, mid).Body, hosttest.Next(s.t, low).Body)
		}, want: "0 1|2|3"},
		{name: "equal priorities take turns", do: func(s *stage) string {
			s.queue("q", nil)
			_, a := s.consume("q", "a", 0, table{"x-priority": 1})
			_, b := s.consume("q", "b", 0, table{"x-priority": 1})
			for i := range 4 {
				s.publish("", "q", fmt.Sprint(i))
			}
			got := []string{bodies([]amqp.Delivery{hosttest.Next(s.t, a), hosttest.Next(s.t, a)}), bodies([]amqp.Delivery{hosttest.Next(s.t, b), hosttest.Next(s.t, b)})}
			slices.Sort(got)
			return strings.Join(got, " | ")
		}, want: "0 2 | 1 3"},
		{name: "cancelled by the deletion of the queue", do: func(s *stage) string {
			s.queue("q", nil)
			ch := s.channel()
			cancelled := ch.NotifyCancel(make(chan string, 1))
			_, err := ch.Consume("q", "tag", false, false, false, false, nil)
			s.check(err)
			_, err = s.ch.QueueDelete("q", false, false, false)
			s.check(err)
			return hosttest.Next(s.t, cancelled)
		}, want: "tag"},
		{name: "exclusive", do: func(s *stage) string {
			s.queue("q", nil)
			ch := s.channel()
			_, err := ch.Consume("q", "one", false, true, false, false, nil)
			s.check(err)
			_, err = s.channel().Consume("q", "two", false, false, false, false, nil)
			s.check(ch.Cancel("one", false))
			_, again := s.channel().Consume("q", "two", false, false, false, false, nil)
			return fmt.Sprint(err.(*amqp.Error).Code, again)
		}, want: "403 <nil>"},
	}
}
