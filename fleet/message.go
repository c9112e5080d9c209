package fleet

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/gomeko/gomeko/timer"
	"github.com/gomeko/gomeko/transport"
)

const (
	// exchange is a fanout exchange to which every timer's queue is bound, for [List].
	exchange = "gomeko.timer"

	// tokenType and commandType are the type property of the messages in a timer's queue.
	tokenType   = "gomeko.timer.token"
	commandType = "gomeko.timer.command"

	contentType = "application/json"
	encoding    = "utf-8"
)

// queueName returns the name of a timer's queue.
func queueName(service, row string) string { return "gomeko.timer." + service + "." + row }

// topology returns the declarations for a timer's queue. missing is called when the queue has
// disappeared.
func topology(name string, missing func()) transport.Topology {
	return transport.Topology{
		Exchanges: []transport.Exchange{{Name: exchange, Kind: "fanout", Durable: true}},
		Queues: []transport.Queue{{Name: name, Durable: true, Args: transport.Table{
			"x-queue-type": "quorum", "x-single-active-consumer": true,
		}, OnMissing: missing}},
		Bindings: []transport.Binding{{Queue: name, Exchange: exchange}},
	}
}

// A token is the state of a timer as a message.
type token struct {
	// Since is when the timer's first token was made. If it is zero, this is not yet a token: each
	// process publishes such a message when it starts, in case there is no token.
	Since time.Time `json:"since,omitzero"`

	Last     time.Time `json:"last,omitzero"`
	Next     time.Time `json:"next,omitzero"`
	Paused   bool      `json:"paused,omitempty"`
	Asked    bool      `json:"asked,omitempty"`
	Revision int       `json:"revision"` // how often Paused and Asked have changed
	Holder   string    `json:"holder,omitempty"`
}

func (t *token) state() timer.State {
	return timer.State{Last: t.Last, Next: t.Next, Paused: t.Paused, Asked: t.Asked}
}

// set returns a copy of the token with another state.
func (t token) set(s timer.State, holder string, now time.Time) token {
	if s.Paused != t.Paused || s.Asked != t.Asked {
		t.Revision++
	}
	if t.Since.IsZero() {
		t.Since = now
	}
	t.Last, t.Next, t.Paused, t.Asked, t.Holder = s.Last.Round(0), s.Next.Round(0), s.Paused, s.Asked, holder
	return t
}

// merge combines two tokens of a timer. The ticks of the older token count, because a process that
// saw no token may have made another. If both are equally old, the later tick counts.
func merge(a, b token) token {
	if b.Revision > a.Revision {
		a.Paused, a.Asked, a.Revision = b.Paused, b.Asked, b.Revision
	}
	if a.Since.IsZero() || !b.Since.IsZero() && (b.Since.Before(a.Since) || b.Since.Equal(a.Since) && b.Last.After(a.Last)) {
		a.Since, a.Last, a.Next, a.Holder = b.Since, b.Last, b.Next, b.Holder
	}
	return a
}

// same reports whether two tokens have the same content, whoever published them.
func same(a, b token) bool {
	return a.Since.Equal(b.Since) && a.Last.Equal(b.Last) && a.Revision == b.Revision
}

// A command is the message that asks a timer's holder for something.
type command struct {
	Command Verb `json:"command"`
}

// maxMessage is the largest body, in bytes, that a token or a command can have.
const maxMessage = 4096

// decode decodes the JSON body of a message.
func decode(d *transport.Delivery, into any) error {
	if len(d.Body) > maxMessage {
		return fmt.Errorf("its body has %d bytes, more than %d", len(d.Body), maxMessage)
	}
	return json.Unmarshal(d.Body, into)
}

// publishing returns a message with a JSON body, addressed to a queue.
func publishing(queue, kind string, body any) (transport.Publishing, error) {
	text, err := json.Marshal(body)
	return transport.Publishing{
		Key: queue, Mandatory: true, Body: text,
		Properties: transport.Properties{ContentType: contentType, ContentEncoding: encoding, Persistent: true, Type: kind},
	}, err
}
