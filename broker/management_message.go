package broker

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"unicode/utf8"

	"github.com/gomeko/gomeko/internal/frame"
)

// publish publishes a message to an exchange and reports whether it was routed to a queue.
func (r *request) publish() (any, error) {
	v, err := r.host()
	if err != nil {
		return nil, err
	}
	var body struct {
		Key        string                     `json:"routing_key"`
		Payload    string                     `json:"payload"`
		Encoding   string                     `json:"payload_encoding"`
		Properties map[string]json.RawMessage `json:"properties"`
	}
	if err := r.decode(&body, "properties", "routing_key", "payload", "payload_encoding"); err != nil {
		return nil, err
	}
	content, err := propertiesOf(body.Properties)
	if err != nil {
		return nil, err
	}
	p := publishing{split: len(content)}
	p.method = frame.BasicPublish{Exchange: r.exchangeName("name"), RoutingKey: body.Key, Mandatory: true}
	switch payload, err := base64.StdEncoding.DecodeString(body.Payload); {
	case body.Encoding == "string":
		p.data = append(content, body.Payload...)
	case body.Encoding != "base64":
		return nil, badRequest("payload_encoding: want string or base64, not %q", body.Encoding)
	case err != nil:
		return nil, badRequest("payload: %v", err)
	default:
		p.data = append(content, payload...)
	}
	if r.broker.alarm.isOn() {
		return nil, badRequest("messages take too much memory: consume some first")
	}
	r.broker.alarm.add(p.message().memory() + placeMemory)
	ch := r.session(v)
	if e := asException(ch.finish(p)); e != nil {
		return nil, badRequest("%v", e)
	}
	returned, _, _ := ch.out.take(nil)
	returned.drop(r.broker.alarm)
	return struct {
		Routed bool `json:"routed"`
	}{len(returned.bytes) == 0}, nil
}

type messageJSON struct {
	Bytes       int    `json:"payload_bytes"`
	Redelivered bool   `json:"redelivered"`
	Exchange    string `json:"exchange"`
	Key         string `json:"routing_key"`
	Left        int    `json:"message_count"`
	Properties  any    `json:"properties"`
	Payload     string `json:"payload"`
	Encoding    string `json:"payload_encoding"`
}

// ackModes maps the name of each mode to the function that settles the messages taken by
// getMessages.
var ackModes = map[string]func(*channel, []*delivery){
	"ack_requeue_true":     (*channel).requeue,
	"ack_requeue_false":    (*channel).drop,
	"reject_requeue_true":  (*channel).requeue,
	"reject_requeue_false": (*channel).reject,
}

// getMessages takes messages from the head of a queue.
func (r *request) getMessages() (any, error) {
	var body struct {
		Count    int    `json:"count"`
		AckMode  string `json:"ackmode"`
		Encoding string `json:"encoding"`
		Truncate *int   `json:"truncate"`
	}
	if err := r.decode(&body, "count", "ackmode", "encoding"); err != nil {
		return nil, err
	}
	settle := ackModes[body.AckMode]
	switch {
	case settle == nil:
		return nil, badRequest("ackmode: want ack_requeue_true or _false, or reject_requeue_true or _false, not %q", body.AckMode)
	case body.Encoding != "auto" && body.Encoding != "base64":
		return nil, badRequest("Unsupported encoding. Please use auto or base64.")
	}
	v, err := r.host()
	if err != nil {
		return nil, err
	}
	ch := r.session(v)
	v.lock()
	defer v.unlock()
	q, err := ch.polled(r.PathValue("name"))
	if isNotFound(err) {
		return nil, &refusal{http.StatusNotFound, "not_found", asException(err).text}
	} else if err != nil {
		return nil, badRequest("%v", err)
	}
	messages := []messageJSON{}
	for size := 0; len(messages) < body.Count && uint64(size) <= r.broker.maxMessage; {
		e, ok := ch.take(q, false)
		if !ok {
			break
		}
		payload := e.message.body()
		if body.Truncate != nil {
			payload = payload[:min(len(payload), max(*body.Truncate, 0))]
		}
		size += len(payload)
		m := q.tell(e)
		if body.Encoding == "auto" && utf8.Valid(payload) {
			m.Payload, m.Encoding = string(payload), "string"
		} else {
			m.Payload, m.Encoding = base64.StdEncoding.EncodeToString(payload), "base64"
		}
		messages = append(messages, m)
	}
	settle(ch, ch.unsettled.takeAll())
	return messages, nil
}

// tell describes a message taken from the queue, without its payload.
func (q *queue) tell(e entry) messageJSON {
	return messageJSON{
		Bytes: e.message.size(), Redelivered: e.redelivered, Exchange: e.message.exchange, Key: e.message.key,
		Left: q.ready.len(), Properties: jsonProperties(q.dress(e, true)),
	}
}
