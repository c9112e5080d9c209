package broker_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/broker"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
)

type exception struct {
	name string
	do   func(ch, other *amqp.Channel) error
	code int
	text string
}

// declarations are client errors with the codes and texts that clients receive, from the embedded
// broker and from RabbitMQ.
var declarations = []exception{
	{
		name: "passive queue",
		do: func(ch, _ *amqp.Channel) error {
			return second(ch.QueueDeclarePassive("test.no", false, false, false, false, nil))
		},
		code: 404, text: "NOT_FOUND - no queue 'test.no' in vhost '/'",
	},
	{
		name: "queue flag",
		do: func(ch, _ *amqp.Channel) error {
			return errors.Join(queue(ch, nil), second(ch.QueueDeclare("test.q", false, false, false, false, nil)))
		},
		code: 406, text: "PRECONDITION_FAILED - inequivalent arg 'durable' for queue 'test.q' in vhost '/': received 'false' but current is 'true'",
	},
	{
		name: "queue auto-delete",
		do: func(ch, _ *amqp.Channel) error {
			return errors.Join(queue(ch, nil), second(ch.QueueDeclare("test.q", true, true, false, false, nil)))
		},
		code: 406, text: "PRECONDITION_FAILED - inequivalent arg 'auto_delete' for queue 'test.q' in vhost '/': received 'true' but current is 'false'",
	},
	{
		name: "queue exclusive",
		do: func(ch, _ *amqp.Channel) error {
			return errors.Join(queue(ch, nil), second(ch.QueueDeclare("test.q", true, false, true, false, nil)))
		},
		code: 405, text: "RESOURCE_LOCKED - cannot obtain exclusive access to locked queue 'test.q' in vhost '/'. It could be originally declared on another connection or the exclusive property value does not match that of the original declaration.",
	},
	{
		name: "queue argument missing",
		do: func(ch, _ *amqp.Channel) error {
			return errors.Join(queue(ch, amqp.Table{"x-expires": 300000}), queue(ch, nil))
		},
		code: 406, text: "PRECONDITION_FAILED - inequivalent arg 'x-expires' for queue 'test.q' in vhost '/': received none but current is the value '300000' of type 'signedint'",
	},
	{
		name: "queue argument added",
		do: func(ch, _ *amqp.Channel) error {
			return errors.Join(queue(ch, nil), queue(ch, amqp.Table{"x-dead-letter-exchange": "dead"}))
		},
		code: 406, text: "PRECONDITION_FAILED - inequivalent arg 'x-dead-letter-exchange' for queue 'test.q' in vhost '/': received the value 'dead' of type 'longstr' but current is none",
	},
	{
		name: "queue argument changed",
		do: func(ch, _ *amqp.Channel) error {
			return errors.Join(queue(ch, amqp.Table{"x-expires": int64(300000)}), queue(ch, amqp.Table{"x-expires": int16(3000)}))
		},
		code: 406, text: "PRECONDITION_FAILED - inequivalent arg 'x-expires' for queue 'test.q' in vhost '/': received '3000' but current is '300000'",
	},
	{
		name: "queue argument same value, unknown argument ignored",
		do: func(ch, _ *amqp.Channel) error {
			return errors.Join(queue(ch, amqp.Table{"x-expires": int64(300000), "x-mine": "a"}), queue(ch, amqp.Table{"x-expires": int32(300000)}))
		},
	},
	{
		name: "queue argument of value 0",
		do:   func(ch, _ *amqp.Channel) error { return queue(ch, amqp.Table{"x-expires": 0}) },
		code: 406, text: "PRECONDITION_FAILED - invalid arg 'x-expires' for queue 'test.q' in vhost '/': {value_zero,0}",
	},
	{
		name: "queue argument negative",
		do:   func(ch, _ *amqp.Channel) error { return queue(ch, amqp.Table{"x-expires": -1}) },
		code: 406, text: "PRECONDITION_FAILED - invalid arg 'x-expires' for queue 'test.q' in vhost '/': {value_negative,-1}",
	},
	{
		name: "queue argument of the wrong type",
		do:   func(ch, _ *amqp.Channel) error { return queue(ch, amqp.Table{"x-expires": "soon"}) },
		code: 406, text: "PRECONDITION_FAILED - invalid arg 'x-expires' for queue 'test.q' in vhost '/': \"expected integer, got longstr\"",
	},
	{
		name: "queue argument of ten years",
		do:   func(ch, _ *amqp.Channel) error { return queue(ch, amqp.Table{"x-expires": int64(315360000000)}) },
	},
	{
		name: "queue argument too large",
		do:   func(ch, _ *amqp.Channel) error { return queue(ch, amqp.Table{"x-expires": int64(315360000001)}) },
		code: 406, text: "PRECONDITION_FAILED - invalid arg 'x-expires' for queue 'test.q' in vhost '/': {value_too_large,315360000001}",
	},
	{
		name: "queue name reserved",
		do: func(ch, _ *amqp.Channel) error {
			return second(ch.QueueDeclare("amq.mine", false, false, false, false, nil))
		},
		code: 403, text: "ACCESS_REFUSED - queue name 'amq.mine' contains reserved prefix 'amq.*'",
	},
	{
		name: "exclusive queue of another",
		do: func(ch, other *amqp.Channel) error {
			return errors.Join(second(other.QueueDeclare("test.q", false, false, true, false, nil)),
				second(ch.QueueDeclarePassive("test.q", false, false, true, false, nil)))
		},
		code: 405, text: "RESOURCE_LOCKED - cannot obtain exclusive access to locked queue 'test.q' in vhost '/'. It could be originally declared on another connection or the exclusive property value does not match that of the original declaration.",
	},
	{
		name: "exclusive queue of another, consume",
		do: func(ch, other *amqp.Channel) error {
			return errors.Join(second(other.QueueDeclare("test.q", false, false, true, false, nil)),
				second(ch.Consume("test.q", "", false, false, false, false, nil)))
		},
		code: 405, text: "RESOURCE_LOCKED - cannot obtain exclusive access to locked queue 'test.q' in vhost '/'. It could be originally declared on another connection or the exclusive property value does not match that of the original declaration.",
	},
	{
		name: "no queue declared before",
		do:   func(ch, _ *amqp.Channel) error { return ch.QueueBind("", "k", "amq.topic", false, nil) },
		code: 404, text: "NOT_FOUND - no previously declared queue",
	},
	{
		name: "bind to no exchange",
		do: func(ch, _ *amqp.Channel) error {
			return errors.Join(queue(ch, nil), ch.QueueBind("test.q", "k", "test.no", false, nil))
		},
		code: 404, text: "NOT_FOUND - no exchange 'test.no' in vhost '/'",
	},
	{
		name: "bind no queue",
		do:   func(ch, _ *amqp.Channel) error { return ch.QueueBind("test.no", "k", "amq.topic", false, nil) },
		code: 404, text: "NOT_FOUND - no queue 'test.no' in vhost '/'",
	},
	{
		name: "bind to the default exchange",
		do: func(ch, _ *amqp.Channel) error {
			return errors.Join(queue(ch, nil), ch.QueueBind("test.q", "k", "", false, nil))
		},
		code: 403, text: "ACCESS_REFUSED - operation not permitted on the default exchange",
	},
	{
		name: "unbind from the default exchange",
		do:   func(ch, _ *amqp.Channel) error { return ch.QueueUnbind("test.no", "k", "", nil) },
		code: 403, text: "ACCESS_REFUSED - operation not permitted on the default exchange",
	},
	{
		name: "unbind no queue",
		do:   func(ch, _ *amqp.Channel) error { return ch.QueueUnbind("test.no", "k", "amq.topic", nil) },
	},
	{
		name: "unbind from no exchange",
		do: func(ch, _ *amqp.Channel) error {
			return errors.Join(queue(ch, nil), ch.QueueUnbind("test.q", "k", "test.no", nil))
		},
	},
	{
		name: "delete no queue",
		do:   func(ch, _ *amqp.Channel) error { return second(ch.QueueDelete("test.no", false, false, false)) },
	},
	{
		name: "delete a queue in use",
		do: func(ch, other *amqp.Channel) error {
			return errors.Join(queue(ch, nil), second(other.Consume("test.q", "", false, false, false, false, nil)),
				second(ch.QueueDelete("test.q", true, false, false)))
		},
		code: 406, text: "PRECONDITION_FAILED - queue 'test.q' in vhost '/' in use",
	},
	{
		name: "delete a queue with messages",
		do: func(ch, other *amqp.Channel) error {
			return errors.Join(queue(ch, nil), ch.Publish("", "test.q", false, false, amqp.Publishing{}),
				second(ch.QueueDelete("test.q", false, true, false)))
		},
		code: 406, text: "PRECONDITION_FAILED - queue 'test.q' in vhost '/' not empty",
	},
	{
		name: "purge no queue",
		do:   func(ch, _ *amqp.Channel) error { return second(ch.QueuePurge("test.no", false)) },
		code: 404, text: "NOT_FOUND - no queue 'test.no' in vhost '/'",
	},
	{
		name: "passive exchange",
		do: func(ch, _ *amqp.Channel) error {
			return ch.ExchangeDeclarePassive("test.no", "topic", false, false, false, false, nil)
		},
		code: 404, text: "NOT_FOUND - no exchange 'test.no' in vhost '/'",
	},
	{
		name: "passive default exchange",
		do: func(ch, _ *amqp.Channel) error {
			return ch.ExchangeDeclarePassive("", "direct", true, false, false, false, nil)
		},
		code: 403, text: "ACCESS_REFUSED - operation not permitted on the default exchange",
	},
	{
		name: "exchange type differs",
		do: func(ch, _ *amqp.Channel) error {
			return errors.Join(exchange(ch, "topic"), exchange(ch, "direct"))
		},
		code: 406, text: "PRECONDITION_FAILED - inequivalent arg 'type' for exchange 'test.x' in vhost '/': received 'direct' but current is 'topic'",
	},
	{
		name: "exchange flag differs",
		do: func(ch, _ *amqp.Channel) error {
			return errors.Join(exchange(ch, "topic"), ch.ExchangeDeclare("test.x", "topic", true, false, true, false, nil))
		},
		code: 406, text: "PRECONDITION_FAILED - inequivalent arg 'internal' for exchange 'test.x' in vhost '/': received 'true' but current is 'false'",
	},
	{
		name: "exchange type unknown",
		do:   func(ch, _ *amqp.Channel) error { return exchange(ch, "x-odd") },
		code: 503, text: "COMMAND_INVALID - unknown exchange type 'x-odd'",
	},
	{
		name: "exchange name reserved",
		do: func(ch, _ *amqp.Channel) error {
			return ch.ExchangeDeclare("amq.mine", "topic", true, false, false, false, nil)
		},
		code: 403, text: "ACCESS_REFUSED - exchange name 'amq.mine' contains reserved prefix 'amq.*'",
	},
	{
		name: "exchange predeclared",
		do: func(ch, _ *amqp.Channel) error {
			return ch.ExchangeDeclare("amq.topic", "topic", true, false, false, false, nil)
		},
	},
	{
		name: "default exchange declared",
		do: func(ch, _ *amqp.Channel) error {
			return ch.ExchangeDeclare("", "direct", true, false, false, false, nil)
		},
		code: 403, text: "ACCESS_REFUSED - operation not permitted on the default exchange",
	},
	{
		name: "delete a reserved exchange",
		do:   func(ch, _ *amqp.Channel) error { return ch.ExchangeDelete("amq.topic", false, false) },
		code: 403, text: "ACCESS_REFUSED - deletion of system exchange 'amq.topic' in vhost '/' not allowed",
	},
	{
		name: "delete no exchange",
		do:   func(ch, _ *amqp.Channel) error { return ch.ExchangeDelete("test.no", false, false) },
	},
	{
		name: "delete an exchange in use",
		do: func(ch, _ *amqp.Channel) error {
			return errors.Join(queue(ch, nil), exchange(ch, "topic"), ch.QueueBind("test.q", "k", "test.x", false, nil),
				ch.ExchangeDelete("test.x", true, false))
		},
		code: 406, text: "PRECONDITION_FAILED - exchange 'test.x' in vhost '/' in use",
	},
	{
		name: "bind no exchange to another",
		do:   func(ch, _ *amqp.Channel) error { return ch.ExchangeBind("test.no", "k", "amq.topic", false, nil) },
		code: 404, text: "NOT_FOUND - no exchange 'test.no' in vhost '/'",
	},
	{
		name: "bind an exchange to none",
		do:   func(ch, _ *amqp.Channel) error { return ch.ExchangeBind("amq.topic", "k", "test.no", false, nil) },
		code: 404, text: "NOT_FOUND - no exchange 'test.no' in vhost '/'",
	},
	{
		name: "bind the default exchange",
		do:   func(ch, _ *amqp.Channel) error { return ch.ExchangeBind("", "k", "amq.topic", false, nil) },
		code: 403, text: "ACCESS_REFUSED - operation not permitted on the default exchange",
	},
	{
		name: "bind an exchange to the default exchange",
		do:   func(ch, _ *amqp.Channel) error { return ch.ExchangeBind("amq.topic", "k", "", false, nil) },
		code: 403, text: "ACCESS_REFUSED - operation not permitted on the default exchange",
	},
	{
		name: "unbind exchanges that are not there",
		do:   func(ch, _ *amqp.Channel) error { return ch.ExchangeUnbind("amq.topic", "k", "test.no", false, nil) },
	},
	{
		name: "publish to the exchange of traces",
		do: func(ch, _ *amqp.Channel) error {
			return ch.Publish("amq.rabbitmq.trace", "k", false, false, amqp.Publishing{})
		},
		code: 403, text: "ACCESS_REFUSED - cannot publish to internal exchange 'amq.rabbitmq.trace' in vhost '/'",
	},
	{
		name: "alternate exchange of no name",
		do: func(ch, _ *amqp.Channel) error {
			return ch.ExchangeDeclare("test.x", "topic", true, false, false, false, amqp.Table{"alternate-exchange": 1})
		},
		code: 406, text: "PRECONDITION_FAILED - invalid type 'signedint' for arg 'alternate-exchange' in exchange 'test.x' in vhost '/'",
	},
	{
		name: "alternate exchange differs",
		do: func(ch, _ *amqp.Channel) error {
			return errors.Join(exchange(ch, "topic"),
				ch.ExchangeDeclare("test.x", "topic", true, false, false, false, amqp.Table{"alternate-exchange": "other"}))
		},
		code: 406, text: "PRECONDITION_FAILED - inequivalent arg 'alternate-exchange' for exchange 'test.x' in vhost '/': received the value 'other' of type 'longstr' but current is none",
	},
	{
		name: "x-match of an odd kind",
		do: func(ch, _ *amqp.Channel) error {
			return errors.Join(queue(ch, nil), ch.QueueBind("test.q", "", "amq.headers", false, amqp.Table{"x-match": "odd"}))
		},
		code: 406, text: "PRECONDITION_FAILED - Invalid x-match field value <<\"odd\">>; expected all, any, all-with-x, or any-with-x",
	},
	{
		name: "x-match of an odd type",
		do: func(ch, _ *amqp.Channel) error {
			return errors.Join(queue(ch, nil), ch.QueueBind("test.q", "", "amq.headers", false, amqp.Table{"x-match": 1}))
		},
		code: 406, text: "PRECONDITION_FAILED - Invalid x-match field type signedint (value 1); expected longstr",
	},
	{
		name: "x-match of nothing",
		do: func(ch, _ *amqp.Channel) error {
			return errors.Join(queue(ch, nil), ch.QueueBind("test.q", "", "amq.headers", false, amqp.Table{"x-match": nil}))
		},
		code: 406, text: "PRECONDITION_FAILED - Invalid x-match field type void (value undefined); expected longstr",
	},
	{
		name: "exclusive consumer of a single active one",
		do: func(ch, _ *amqp.Channel) error {
			return errors.Join(queue(ch, amqp.Table{"x-single-active-consumer": true}),
				second(ch.Consume("test.q", "", false, true, false, false, nil)))
		},
		code: 403, text: "ACCESS_REFUSED - queue 'test.q' in vhost '/' in exclusive use",
	},
	{
		name: "consumer priority of an odd type",
		do: func(ch, _ *amqp.Channel) error {
			return errors.Join(queue(ch, nil),
				second(ch.Consume("test.q", "", false, false, false, false, amqp.Table{"x-priority": "first"})))
		},
		code: 406, text: "PRECONDITION_FAILED - invalid arg 'x-priority' for queue 'test.q' in vhost '/': \"expected integer, got longstr\"",
	},
	{
		name: "quorum queue and global qos",
		do: func(ch, _ *amqp.Channel) error {
			return errors.Join(queue(ch, amqp.Table{"x-queue-type": "quorum"}), ch.Qos(1, 0, true),
				second(ch.Consume("test.q", "", false, false, false, false, nil)))
		},
		code: 540, text: "NOT_IMPLEMENTED - queue 'test.q' in vhost '/' does not support global qos",
	},
	{
		name: "quorum queue not durable",
		do: func(ch, _ *amqp.Channel) error {
			return second(ch.QueueDeclare("test.q", false, false, false, false, amqp.Table{"x-queue-type": "quorum"}))
		},
		code: 406, text: "PRECONDITION_FAILED - invalid property 'non-durable' for queue 'test.q' in vhost '/'",
	},
	{
		name: "quorum queue exclusive",
		do: func(ch, _ *amqp.Channel) error {
			return second(ch.QueueDeclare("test.q", true, false, true, false, amqp.Table{"x-queue-type": "quorum"}))
		},
		code: 406, text: "PRECONDITION_FAILED - invalid property 'exclusive-owner' for queue 'test.q' in vhost '/'",
	},
	{
		name: "quorum queue auto-delete",
		do: func(ch, _ *amqp.Channel) error {
			return second(ch.QueueDeclare("test.q", true, true, false, false, amqp.Table{"x-queue-type": "quorum"}))
		},
		code: 406, text: "PRECONDITION_FAILED - invalid property 'auto-delete' for queue 'test.q' in vhost '/'",
	},
	{
		name: "quorum queue without a name",
		do: func(ch, _ *amqp.Channel) error {
			return second(ch.QueueDeclare("", true, false, false, false, amqp.Table{"x-queue-type": "quorum"}))
		},
		code: 406, text: "PRECONDITION_FAILED - Cannot declare a server-named queue for type rabbit_quorum_queue",
	},
	{
		name: "classic queue declared as such or not",
		do: func(ch, _ *amqp.Channel) error {
			return errors.Join(queue(ch, nil), queue(ch, amqp.Table{"x-queue-type": "classic"}), queue(ch, nil))
		},
	},
	{
		name: "quorum queue declared as classic",
		do: func(ch, _ *amqp.Channel) error {
			return errors.Join(queue(ch, amqp.Table{"x-queue-type": "quorum"}), queue(ch, nil))
		},
		code: 406, text: "PRECONDITION_FAILED - inequivalent arg 'x-queue-type' for queue 'test.q' in vhost '/': received none but current is the value 'quorum' of type 'longstr'",
	},
	{
		name: "classic queue declared as quorum",
		do: func(ch, _ *amqp.Channel) error {
			return errors.Join(queue(ch, nil), queue(ch, amqp.Table{"x-queue-type": "quorum"}))
		},
		code: 406, text: "PRECONDITION_FAILED - inequivalent arg 'x-queue-type' for queue 'test.q' in vhost '/': received the value 'quorum' of type 'longstr' but current is none",
	},
	{
		name: "delivery limit differs",
		do: func(ch, _ *amqp.Channel) error {
			return errors.Join(queue(ch, amqp.Table{"x-queue-type": "quorum", "x-delivery-limit": 2}),
				queue(ch, amqp.Table{"x-queue-type": "quorum", "x-delivery-limit": 3}))
		},
		code: 406, text: "PRECONDITION_FAILED - inequivalent arg 'x-delivery-limit' for queue 'test.q' in vhost '/': received '3' but current is '2'",
	},
	{
		name: "dead-letter exchange of an odd type",
		do:   func(ch, _ *amqp.Channel) error { return queue(ch, amqp.Table{"x-dead-letter-exchange": 1}) },
		code: 406, text: "PRECONDITION_FAILED - invalid type 'signedint' for arg 'x-dead-letter-exchange' in queue 'test.q' in vhost '/'",
	},
}

// queue declares test.q.
func queue(ch *amqp.Channel, args amqp.Table) error {
	return second(ch.QueueDeclare("test.q", true, false, false, false, args))
}

// exchange declares test.x.
func exchange(ch *amqp.Channel, kind string) error {
	return ch.ExchangeDeclare("test.x", kind, true, false, false, false, nil)
}

func second[T any](_ T, err error) error { return err }

func TestExceptions(t *testing.T) {
	for _, tt := range slices.Concat(declarations, publishings, argumentExceptions()) {
		t.Run(tt.name, func(t *testing.T) {
			b := start(t, broker.Config{})
			provoke(t, tt.do, tt.code, tt.text, amqp.Config{
				Dial: func(string, string) (net.Conn, error) { return b.Dial(context.Background()) },
			}, "amqp://guest:guest@memory/")
		})
		t.Run(tt.name+"/rabbitmq", func(t *testing.T) {
			provoke(t, tt.do, tt.code, tt.text, amqp.Config{}, brokertest.DefaultVHost(t))
		})
	}
}

// provoke causes an error, and checks what the client receives.
func provoke(t *testing.T, do func(ch, other *amqp.Channel) error, code int, text string, cfg amqp.Config, uri string) {
	t.Helper()
	dial := func() (*amqp.Connection, *amqp.Channel) {
		conn, err := amqp.DialConfig(uri, cfg)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return conn, channel(t, conn)
	}
	conn, ch := dial()
	_, other := dial()
	t.Cleanup(func() {
		_, ch := dial()
		ch.QueueDelete("test.q", false, false, false)
		ch.ExchangeDelete("test.x", false, false)
	})
	channelEnd := ch.NotifyClose(make(chan *amqp.Error, 1))
	connEnd := conn.NotifyClose(make(chan *amqp.Error, 1))
	err := do(ch, other)
	if code == 0 {
		if err == nil {
			err = ch.Qos(1, 0, false) // the channel still answers
		}
		if err != nil {
			t.Errorf("got %v, want no error", err)
		}
		return
	}
	end := channelEnd
	if code >= 500 {
		end = connEnd
	}
	got := hosttest.Next(t, end)
	if got.Code != code || got.Reason != text {
		t.Errorf("got  %d %s\nwant %d %s", got.Code, got.Reason, code, text)
	}
	if code < 500 {
		channel(t, conn) // the connection stays open
	}
}
