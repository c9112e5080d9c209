package broker_test

import (
	"fmt"
	"strings"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/internal/hosttest"
)

const replyTo = "amq.rabbitmq.reply-to"

func publishingRows() []behaviour {
	return []behaviour{
		{name: "CC and BCC", do: func(s *stage) string {
			for _, name := range []string{"q", "cc", "bcc"} {
				s.queue(name, nil)
			}
			s.publish("", "q", "1", headers(table{"CC": []any{"cc", "none", "q"}, "BCC": []any{"bcc", int32(1)}, "mine": "kept"}))
			var got []string
			for _, name := range []string{"q", "cc", "bcc"} {
				d := s.take(name, 1)[0]
				got = append(got, fmt.Sprintf("%s %s %v %v %v", d.Body, d.RoutingKey, d.Headers["CC"], d.Headers["BCC"], d.Headers["mine"]))
			}
			return strings.Join(got, "; ") + s.all("q", 0)
		}, want: "1 q [cc none q] <nil> kept; 1 q [cc none q] <nil> kept; 1 q [cc none q] <nil> kept"},
		{name: "CC through a topic exchange", do: func(s *stage) string {
			s.queue("q", nil)
			s.bind("q", "a.*", "amq.topic", nil)
			s.publish("amq.topic", "b", "1", headers(table{"CC": []any{"c", "a.b"}}))
			return s.all("q", 1)
		}, want: "1"},
		{name: "mandatory", do: func(s *stage) string {
			returns := s.ch.NotifyReturn(make(chan amqp.Return, 1))
			s.check(s.ch.PublishWithContext(s.t.Context(), "amq.direct", "k", true, false, amqp.Publishing{Body: []byte("1")}))
			r := hosttest.Next(s.t, returns)
			return fmt.Sprint(r.ReplyCode, " ", r.ReplyText, " ", r.Exchange, " ", r.RoutingKey, " ", string(r.Body), " ", hosttest.Next(s.t, s.acks).Ack)
		}, want: "312 NO_ROUTE amq.direct k 1 true"},
		{name: "confirms count from 1", do: func(s *stage) string {
			var got []string
			for range 3 {
				s.check(s.ch.PublishWithContext(s.t.Context(), "", "none", false, false, amqp.Publishing{}))
			}
			for range 3 {
				got = append(got, fmt.Sprint(hosttest.Next(s.t, s.acks).DeliveryTag))
			}
			return strings.Join(got, " ")
		}, want: "1 2 3"},
		{name: "as oneself", do: func(s *stage) string {
			s.queue("q", nil)
			s.publish("", "q", "1", func(p *amqp.Publishing) { p.UserId = "guest" })
			return s.get("q").UserId
		}, want: "guest"},
	}
}

func replyRows() []behaviour {
	return []behaviour{
		{name: "round trip", do: func(s *stage) string {
			s.queue("q", nil)
			ch := s.channel()
			replies, err := ch.Consume(replyTo, "mine", true, false, false, false, nil)
			s.check(err)
			s.check(ch.PublishWithContext(s.t.Context(), "", "q", false, false, amqp.Publishing{ReplyTo: replyTo, CorrelationId: "7"}))
			request := s.take("q", 1)[0]
			declared, err := s.ch.QueueDeclare(request.ReplyTo, false, false, false, false, nil)
			s.check(err)
			s.publish("", request.ReplyTo, "answer", func(p *amqp.Publishing) { p.CorrelationId = request.CorrelationId })
			r := hosttest.Next(s.t, replies)
			return fmt.Sprint(strings.HasPrefix(request.ReplyTo, replyTo+"."), declared.Consumers, " ", string(r.Body), " ",
				r.CorrelationId, " ", r.ConsumerTag, " ", r.Exchange, r.RoutingKey == request.ReplyTo, r.DeliveryTag, r.Redelivered)
		}, want: "true 1 answer 7 mine true 1 false"},
		{name: "a mandatory reply is returned as well", do: func(s *stage) string {
			s.queue("q", nil)
			ch := s.channel()
			replies, err := ch.Consume(replyTo, "", true, false, false, false, nil)
			s.check(err)
			s.check(ch.PublishWithContext(s.t.Context(), "", "q", false, false, amqp.Publishing{ReplyTo: replyTo}))
			returns := s.ch.NotifyReturn(make(chan amqp.Return, 1))
			s.check(s.ch.PublishWithContext(s.t.Context(), "", s.take("q", 1)[0].ReplyTo, true, false, amqp.Publishing{}))
			hosttest.Next(s.t, replies)
			return hosttest.Next(s.t, returns).ReplyText
		}, want: "NO_ROUTE"},
		{name: "after a cancel", do: func(s *stage) string {
			ch := s.channel()
			_, err := ch.Consume(replyTo, "a", true, false, false, false, nil)
			s.check(err)
			s.check(ch.Cancel("a", false))
			_, err = ch.Consume(replyTo, "a", true, false, false, false, nil)
			return fmt.Sprint(err)
		}, want: "<nil>"},
	}
}

func transactionRows() []behaviour {
	return []behaviour{
		{name: "commit and rollback of publishings", do: func(s *stage) string {
			s.queue("q", nil)
			tx := s.channel()
			s.check(tx.Tx())
			publish := func(body string) {
				s.check(tx.PublishWithContext(s.t.Context(), "", "q", false, false, amqp.Publishing{Body: []byte(body)}))
			}
			publish("1")
			s.check(tx.Qos(0, 0, false)) // the publishing was handled
			before := s.depth("q")
			s.check(tx.TxCommit())
			publish("2")
			s.check(tx.TxRollback())
			publish("3")
			s.check(tx.TxCommit())
			publish("4")
			s.check(tx.Close())
			return fmt.Sprint(before, ": ", s.all("q", 2))
		}, want: "0: 1 3"},
		{name: "commit and rollback of acknowledgements", do: func(s *stage) string {
			s.queue("q", nil)
			for i := range 4 {
				s.publish("", "q", fmt.Sprint(i))
			}
			tx := s.channel()
			s.check(tx.Tx())
			get := func() amqp.Delivery {
				d, _, err := tx.Get("q", false)
				s.check(err)
				return d
			}
			held := []amqp.Delivery{get(), get(), get()}
			s.check(held[1].Ack(false))
			s.check(held[0].Nack(false, true))
			s.check(tx.TxRollback())
			between := s.depth("q")
			s.check(held[1].Ack(true)) // of 0 as well, since both are unsettled again
			s.check(tx.TxCommit())
			s.check(tx.Close()) // gives 2 back
			return fmt.Sprint(between, ": ", s.all("q", 2))
		}, want: "1: 2 3"},
		{name: "an acknowledgement is not done before the commit", do: func(s *stage) string {
			s.queue("q", nil)
			s.publish("", "q", "1")
			tx := s.channel()
			s.check(tx.Tx())
			d, _, err := tx.Get("q", false)
			s.check(err)
			s.check(d.Ack(false))
			s.check(tx.Close())
			return s.all("q", 1)
		}, want: "1"},
		{name: "returns come with the commit", do: func(s *stage) string {
			tx := s.channel()
			s.check(tx.Tx())
			returns := tx.NotifyReturn(make(chan amqp.Return, 1))
			s.check(tx.PublishWithContext(s.t.Context(), "", "none", true, false, amqp.Publishing{}))
			s.check(tx.Qos(0, 0, false))
			before := len(returns)
			s.check(tx.TxCommit())
			return fmt.Sprint(before, hosttest.Next(s.t, returns).ReplyText)
		}, want: "0NO_ROUTE"},
		{name: "a message to a queue that is gone", do: func(s *stage) string {
			s.queue("q", nil)
			tx := s.channel()
			s.check(tx.Tx())
			s.check(tx.PublishWithContext(s.t.Context(), "", "q", false, false, amqp.Publishing{}))
			s.check(tx.Qos(0, 0, false))
			_, err := s.ch.QueueDelete("q", false, false, false)
			s.check(err)
			return fmt.Sprint(tx.TxCommit())
		}, want: "<nil>"},
	}
}

func settlingRows() []behaviour {
	return []behaviour{
		{name: "requeued at the old place", do: func(s *stage) string {
			s.queue("q", nil)
			for i := range 4 {
				s.publish("", "q", fmt.Sprint(i))
			}
			held := []amqp.Delivery{s.get("q"), s.get("q"), s.get("q")}
			s.check(held[2].Nack(false, true))
			s.check(held[0].Reject(true))
			s.check(held[1].Nack(false, true))
			var got []string
			for range 4 {
				d := s.get("q")
				got = append(got, fmt.Sprintf("%s %t", d.Body, d.Redelivered))
			}
			return strings.Join(got, ", ")
		}, want: "0 true, 1 true, 2 true, 3 false"},
		{name: "recover", do: func(s *stage) string {
			s.queue("q", nil)
			ch, deliveries := s.consume("q", "", 0, nil)
			s.publish("", "q", "1")
			s.publish("", "q", "2")
			hosttest.Next(s.t, deliveries)
			hosttest.Next(s.t, deliveries)
			s.check(ch.Recover(true))
			var got []string
			for range 2 {
				d := hosttest.Next(s.t, deliveries)
				got = append(got, fmt.Sprintf("%s %d %t", d.Body, d.DeliveryTag, d.Redelivered))
			}
			return strings.Join(got, ", ")
		}, want: "1 3 true, 2 4 true"},
		{name: "prefetch of a consumer", do: func(s *stage) string {
			s.queue("q", nil)
			_, deliveries := s.consume("q", "", 2, nil)
			for i := range 4 {
				s.publish("", "q", fmt.Sprint(i))
			}
			first := hosttest.Next(s.t, deliveries)
			hosttest.Next(s.t, deliveries)
			before := s.depth("q")
			s.check(first.Ack(false))
			return fmt.Sprint(before, string(hosttest.Next(s.t, deliveries).Body), s.depth("q"))
		}, want: "221"},
		{name: "prefetch of a channel", do: func(s *stage) string {
			s.queue("q", nil)
			s.queue("p", nil)
			ch := s.channel()
			s.check(ch.Qos(1, 0, true))
			a, err := ch.Consume("q", "", false, false, false, false, nil)
			s.check(err)
			b, err := ch.Consume("p", "", false, false, false, false, nil)
			s.check(err)
			s.publish("", "q", "1")
			first := hosttest.Next(s.t, a)
			s.publish("", "p", "2")
			before := s.depth("p")
			s.check(first.Ack(false))
			return fmt.Sprint(before, " ", string(hosttest.Next(s.t, b).Body))
		}, want: "1 2", four: "4.3 refuses global prefetch"},
		{name: "a closed channel gives back", do: func(s *stage) string {
			s.queue("q", nil)
			s.publish("", "q", "1")
			ch, deliveries := s.consume("q", "", 0, nil)
			hosttest.Next(s.t, deliveries)
			s.check(ch.Close())
			return fmt.Sprint(s.get("q").Redelivered)
		}, want: "true"},
		{name: "no acknowledgements, no way back", do: func(s *stage) string {
			s.queue("q", nil)
			s.publish("", "q", "1")
			ch := s.channel()
			deliveries, err := ch.Consume("q", "", true, false, false, false, nil)
			s.check(err)
			hosttest.Next(s.t, deliveries)
			s.check(ch.Close())
			return fmt.Sprint(s.depth("q"))
		}, want: "0"},
	}
}

func capabilityRows() []behaviour {
	return []behaviour{
		{name: "announced", do: func(s *stage) string {
			conn, err := amqp.Dial(s.uri)
			s.check(err)
			defer conn.Close()
			return fmt.Sprint(conn.Properties["capabilities"])
		}, want: "map[authentication_failure_close:true basic.nack:true connection.blocked:true consumer_cancel_notify:true " +
			"consumer_priorities:true direct_reply_to:true exchange_exchange_bindings:true per_consumer_qos:true publisher_confirms:true]"},
		{name: "tuned", do: func(s *stage) string {
			conn, err := amqp.Dial(s.uri)
			s.check(err)
			defer conn.Close()
			return fmt.Sprint(conn.Config.ChannelMax, conn.Config.FrameSize, conn.Config.Heartbeat)
		}, want: fmt.Sprint(2047, 131072, 10*time.Second)},
	}
}
