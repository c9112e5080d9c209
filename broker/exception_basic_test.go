package broker_test

import (
	"errors"
	"fmt"
	"strings"

	amqp "github.com/rabbitmq/amqp091-go"
)

// publishings are the errors in publishing, consuming and settling.
var publishings = []exception{
	{
		name: "publish with an odd CC",
		do: func(ch, _ *amqp.Channel) error {
			return ch.Publish("", "k", false, false, amqp.Publishing{Headers: amqp.Table{"CC": "a"}})
		},
		code: 406, text: "PRECONDITION_FAILED - invalid message: {unacceptable_type_in_header,\"CC\",longstr}",
	},
	{
		name: "publish with an odd BCC",
		do: func(ch, _ *amqp.Channel) error {
			return ch.Publish("", "k", false, false, amqp.Publishing{Headers: amqp.Table{"BCC": nil}})
		},
		code: 406, text: "PRECONDITION_FAILED - invalid message: {unacceptable_type_in_header,\"BCC\",void}",
	},
	{
		name: "transactions after confirms",
		do:   func(ch, _ *amqp.Channel) error { return errors.Join(ch.Confirm(false), ch.Tx()) },
		code: 406, text: "PRECONDITION_FAILED - cannot switch from confirm to tx mode",
	},
	{
		name: "confirms after transactions",
		do:   func(ch, _ *amqp.Channel) error { return errors.Join(ch.Tx(), ch.Confirm(false)) },
		code: 406, text: "PRECONDITION_FAILED - cannot switch from tx to confirm mode",
	},
	{
		name: "commit nothing",
		do:   func(ch, _ *amqp.Channel) error { return ch.TxCommit() },
		code: 406, text: "PRECONDITION_FAILED - channel is not transactional",
	},
	{
		name: "roll back nothing",
		do:   func(ch, _ *amqp.Channel) error { return ch.TxRollback() },
		code: 406, text: "PRECONDITION_FAILED - channel is not transactional",
	},
	{
		name: "transactions twice",
		do:   func(ch, _ *amqp.Channel) error { return errors.Join(ch.Tx(), ch.Tx()) },
	},
	{
		name: "replies with acknowledgements",
		do: func(ch, _ *amqp.Channel) error {
			return second(ch.Consume("amq.rabbitmq.reply-to", "", false, false, false, false, nil))
		},
		code: 406, text: "PRECONDITION_FAILED - reply consumer cannot acknowledge",
	},
	{
		name: "replies twice",
		do: func(ch, _ *amqp.Channel) error {
			return errors.Join(second(ch.Consume("amq.rabbitmq.reply-to", "", true, false, false, false, nil)),
				second(ch.Consume("amq.rabbitmq.reply-to", "", true, false, false, false, nil)))
		},
		code: 406, text: "PRECONDITION_FAILED - reply consumer already set",
	},
	{
		name: "replies to nobody",
		do: func(ch, _ *amqp.Channel) error {
			return ch.Publish("", "k", false, false, amqp.Publishing{ReplyTo: "amq.rabbitmq.reply-to"})
		},
		code: 406, text: "PRECONDITION_FAILED - fast reply consumer does not exist",
	},
	{
		name: "reply to a channel that is gone",
		do: func(ch, _ *amqp.Channel) error {
			return ch.Publish("", "amq.rabbitmq.reply-to.gone", false, false, amqp.Publishing{})
		},
	},
	{
		name: "declare replies",
		do: func(ch, _ *amqp.Channel) error {
			return second(ch.QueueDeclare("amq.rabbitmq.reply-to", false, false, false, false, nil))
		},
	},
	{
		name: "declare replies of a channel that is gone",
		do: func(ch, _ *amqp.Channel) error {
			return second(ch.QueueDeclare("amq.rabbitmq.reply-to.gone", false, false, false, false, nil))
		},
		code: 404, text: "NOT_FOUND - no queue 'amq.rabbitmq.reply-to.gone' in vhost '/'",
	},
	{
		name: "get a reply",
		do:   func(ch, _ *amqp.Channel) error { _, _, err := ch.Get("amq.rabbitmq.reply-to", true); return err },
		code: 404, text: "NOT_FOUND - no queue 'amq.rabbitmq.reply-to' in vhost '/'",
	},
	{
		name: "delete a quorum queue if unused",
		do: func(ch, _ *amqp.Channel) error {
			declared := queue(ch, amqp.Table{"x-queue-type": "quorum"})
			return errors.Join(declared, second(ch.QueueDelete("test.q", true, true, false)))
		},
		code: 540, text: "NOT_IMPLEMENTED - cannot delete queue 'test.q' in vhost '/'. queue.delete operations with if-unused flag set are not supported by quorum queues",
	},
	{
		name: "delete a quorum queue if empty",
		do: func(ch, _ *amqp.Channel) error {
			declared := queue(ch, amqp.Table{"x-queue-type": "quorum"})
			return errors.Join(declared, second(ch.QueueDelete("test.q", false, true, false)))
		},
		code: 540, text: "NOT_IMPLEMENTED - cannot delete queue 'test.q' in vhost '/'. queue.delete operations with if-empty flag set are not supported by quorum queues",
	},
	{
		name: "exclusive consumers of a quorum queue are not",
		do: func(ch, other *amqp.Channel) error {
			declared := queue(ch, amqp.Table{"x-queue-type": "quorum"})
			first := second(ch.Consume("test.q", "", false, true, false, false, nil))
			return errors.Join(declared, first, second(other.Consume("test.q", "", false, true, false, false, nil)))
		},
	},
	{
		name: "get from a quorum queue of a single active consumer",
		do: func(ch, _ *amqp.Channel) error {
			declared := queue(ch, amqp.Table{"x-queue-type": "quorum", "x-single-active-consumer": true})
			_, _, err := ch.Get("test.q", true)
			return errors.Join(declared, err)
		},
		code: 405, text: "RESOURCE_LOCKED - cannot obtain access to locked queue 'test.q' in vhost '/'. basic.get operations are not supported by quorum queues with single active consumer",
	},
	{
		name: "get from a queue of a single active consumer",
		do: func(ch, _ *amqp.Channel) error {
			declared := queue(ch, amqp.Table{"x-single-active-consumer": true})
			_, _, err := ch.Get("test.q", true)
			return errors.Join(declared, err)
		},
	},
	{
		name: "publish to no exchange",
		do: func(ch, _ *amqp.Channel) error {
			return ch.Publish("test.no", "k", false, false, amqp.Publishing{})
		},
		code: 404, text: "NOT_FOUND - no exchange 'test.no' in vhost '/'",
	},
	{
		name: "publish to an internal exchange",
		do: func(ch, _ *amqp.Channel) error {
			return errors.Join(ch.ExchangeDeclare("test.x", "topic", true, false, true, false, nil),
				ch.Publish("test.x", "k", false, false, amqp.Publishing{}))
		},
		code: 403, text: "ACCESS_REFUSED - cannot publish to internal exchange 'test.x' in vhost '/'",
	},
	{
		name: "publish immediate",
		do: func(ch, _ *amqp.Channel) error {
			return ch.Publish("", "k", false, true, amqp.Publishing{})
		},
		code: 540, text: "NOT_IMPLEMENTED - immediate=true",
	},
	{
		name: "publish as another",
		do: func(ch, _ *amqp.Channel) error {
			return ch.Publish("", "k", false, false, amqp.Publishing{UserId: "me"})
		},
		code: 406, text: "PRECONDITION_FAILED - user_id property set to 'me' but authenticated user was 'guest'",
	},
	{
		name: "publish expiration no number",
		do: func(ch, _ *amqp.Channel) error {
			return ch.Publish("", "k", false, false, amqp.Publishing{Expiration: "abc"})
		},
		code: 406, text: "PRECONDITION_FAILED - invalid expiration 'abc': no_integer",
	},
	{
		name: "publish expiration fractional",
		do: func(ch, _ *amqp.Channel) error {
			return ch.Publish("", "k", false, false, amqp.Publishing{Expiration: "1.5"})
		},
		code: 406, text: "PRECONDITION_FAILED - invalid expiration '1.5': {leftover_string,\".5\"}",
	},
	{
		name: "publish expiration negative",
		do: func(ch, _ *amqp.Channel) error {
			return ch.Publish("", "k", false, false, amqp.Publishing{Expiration: "-1"})
		},
		code: 406, text: "PRECONDITION_FAILED - invalid expiration '-1': {value_negative,-1}",
	},
	{
		name: "publish expiration of ten years",
		do: func(ch, _ *amqp.Channel) error {
			return ch.Publish("", "k", false, false, amqp.Publishing{Expiration: "315360000000"})
		},
	},
	{
		name: "publish expiration too large",
		do: func(ch, _ *amqp.Channel) error {
			return ch.Publish("", "k", false, false, amqp.Publishing{Expiration: "315360000001"})
		},
		code: 406, text: "PRECONDITION_FAILED - invalid expiration '315360000001': {value_too_large,315360000001}",
	},
	{
		name: "consume from no queue",
		do: func(ch, _ *amqp.Channel) error {
			return second(ch.Consume("test.no", "", false, false, false, false, nil))
		},
		code: 404, text: "NOT_FOUND - no queue 'test.no' in vhost '/'",
	},
	{
		name: "consumer tag used twice",
		do: func(ch, _ *amqp.Channel) error {
			return errors.Join(queue(ch, nil), second(ch.Consume("test.q", "tag", false, false, false, false, nil)),
				second(ch.Consume("test.q", "tag", false, false, false, false, nil)))
		},
		code: 530, text: "NOT_ALLOWED - attempt to reuse consumer tag 'tag'",
	},
	{
		name: "consume beside an exclusive consumer",
		do: func(ch, other *amqp.Channel) error {
			return errors.Join(queue(ch, nil), second(other.Consume("test.q", "", false, true, false, false, nil)),
				second(ch.Consume("test.q", "", false, false, false, false, nil)))
		},
		code: 403, text: "ACCESS_REFUSED - queue 'test.q' in vhost '/' in exclusive use",
	},
	{
		name: "get from no queue",
		do:   func(ch, _ *amqp.Channel) error { _, _, err := ch.Get("test.no", false); return err },
		code: 404, text: "NOT_FOUND - no queue 'test.no' in vhost '/'",
	},
	{
		name: "ack an unknown tag",
		do:   func(ch, _ *amqp.Channel) error { return ch.Ack(7, false) },
		code: 406, text: "PRECONDITION_FAILED - unknown delivery tag 7",
	},
	{
		name: "ack all of an unknown tag",
		do:   func(ch, _ *amqp.Channel) error { return ch.Ack(7, true) },
		code: 406, text: "PRECONDITION_FAILED - unknown delivery tag 7",
	},
	{
		name: "ack all of nothing",
		do:   func(ch, _ *amqp.Channel) error { return ch.Ack(0, true) },
	},
	{
		name: "nack an unknown tag",
		do:   func(ch, _ *amqp.Channel) error { return ch.Nack(7, false, true) },
		code: 406, text: "PRECONDITION_FAILED - unknown delivery tag 7",
	},
	{
		name: "reject an unknown tag",
		do:   func(ch, _ *amqp.Channel) error { return ch.Reject(0, true) },
		code: 406, text: "PRECONDITION_FAILED - unknown delivery tag 0",
	},
	{
		name: "prefetch size",
		do:   func(ch, _ *amqp.Channel) error { return ch.Qos(1, 100, false) },
		code: 540, text: "NOT_IMPLEMENTED - prefetch_size!=0 (100)",
	},
	{
		name: "flow off",
		do:   func(ch, _ *amqp.Channel) error { return ch.Flow(false) },
		code: 540, text: "NOT_IMPLEMENTED - active=false",
	},
	{
		name: "recover without requeue",
		do:   func(ch, _ *amqp.Channel) error { return ch.Recover(false) },
		code: 540, text: "NOT_IMPLEMENTED - requeue=false",
	},
	{
		name: "headers beyond the frame",
		do: func(ch, _ *amqp.Channel) error {
			return ch.Publish("", "k", false, false, amqp.Publishing{Headers: amqp.Table{"h": strings.Repeat("x", 140_000)}})
		},
		code: 501, text: "FRAME_ERROR - type 2, all octets = <<>>: {frame_too_large,140025,131064}",
	},
}

// argumentExceptions are the errors in the arguments of a queue.
func argumentExceptions() []exception {
	rows := []struct {
		arguments amqp.Table
		name      string // of the wrong argument
		fault     string // "" if it is accepted
	}{
		{amqp.Table{"x-message-ttl": 0}, "x-message-ttl", ""},
		{amqp.Table{"x-message-ttl": -1}, "x-message-ttl", "{value_negative,-1}"},
		{amqp.Table{"x-message-ttl": int64(315360000001)}, "x-message-ttl", "{value_too_large,315360000001}"},
		{amqp.Table{"x-max-length": int64(315360000001)}, "x-max-length", ""},
		{amqp.Table{"x-max-length": -1}, "x-max-length", "{value_negative,-1}"},
		{amqp.Table{"x-max-length-bytes": true}, "x-max-length-bytes", `"expected integer, got bool"`},
		{amqp.Table{"x-max-priority": 255}, "x-max-priority", ""},
		{amqp.Table{"x-max-priority": 256}, "x-max-priority", "{max_value_exceeded,256}"},
		{amqp.Table{"x-max-priority": 2.5}, "x-max-priority", `"expected integer, got double"`},
		{amqp.Table{"x-overflow": "odd"}, "x-overflow", "invalid_overflow"},
		{amqp.Table{"x-overflow": 1}, "x-overflow", "{unacceptable_type,signedint}"},
		{amqp.Table{"x-dead-letter-routing-key": "k"}, "x-dead-letter-routing-key", "routing_key_but_no_dlx_defined"},
		{amqp.Table{"x-dead-letter-routing-key": 1}, "x-dead-letter-routing-key", "{unacceptable_type,signedint}"},
		{amqp.Table{"x-single-active-consumer": 1}, "x-single-active-consumer", "{unacceptable_type,signedint}"},
		{amqp.Table{"x-queue-type": "odd"}, "x-queue-type", `"unsupported queue type 'odd'"`},
		{amqp.Table{"x-queue-type": true}, "x-queue-type", "{unacceptable_type,bool}"},
		{amqp.Table{"x-queue-type": "quorum", "x-dead-letter-strategy": "odd"}, "x-dead-letter-strategy", "invalid_dlx_strategy"},
		{amqp.Table{"x-queue-type": "quorum", "x-dead-letter-strategy": 1}, "x-dead-letter-strategy", "{unacceptable_type,signedint}"},
		{amqp.Table{"x-queue-mode": "odd"}, "x-queue-mode", `"unsupported queue mode 'odd'"`},
		{amqp.Table{"x-delivery-limit": 3}, "x-delivery-limit", "of queue type rabbit_classic_queue"},
		{amqp.Table{"x-max-age": "1D"}, "x-max-age", "of queue type rabbit_classic_queue"},
		{amqp.Table{"x-queue-type": "quorum", "x-max-priority": 3}, "x-max-priority", "of queue type rabbit_quorum_queue"},
		{amqp.Table{"x-queue-type": "quorum", "x-queue-mode": "lazy"}, "x-queue-mode", "of queue type rabbit_quorum_queue"},
		{amqp.Table{"x-queue-type": "quorum", "x-delivery-limit": 2}, "x-delivery-limit", ""},
		{amqp.Table{"x-mine": "anything"}, "x-mine", ""},
	}
	var exceptions []exception
	for _, row := range rows {
		e := exception{
			name: fmt.Sprint(row.arguments),
			do:   func(ch, _ *amqp.Channel) error { return queue(ch, row.arguments) },
		}
		if row.fault != "" {
			e.code = 406
			e.text = "PRECONDITION_FAILED - invalid arg '" + row.name + "' for queue 'test.q' in vhost '/'"
			if strings.HasPrefix(row.fault, "of ") {
				e.text += " " + row.fault
			} else {
				e.text += ": " + row.fault
			}
		}
		exceptions = append(exceptions, e)
	}
	return exceptions
}
