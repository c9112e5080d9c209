package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
)

const (
	// socketPrefix is the number of bytes of a socket's ID that identify the process in which it is
	// open.
	socketPrefix = 6

	// askTimeout limits how long another process may take to answer a question about a socket if
	// the ctx has no deadline.
	askTimeout = 5 * time.Second
)

// Questions about a socket. They are sent as the Event of a [Message].
const (
	askUnicast       = "unicast"
	askSubscriptions = "subscriptions"
)

// socketID returns the ID of a new socket.
func (h *hub) socketID() string {
	id := uuid.New()
	if h.relay != nil && h.relay.backplane != nil {
		copy(id[:socketPrefix], h.relay.self[:])
	}
	return id.String()
}

// elsewhere returns the topic of the other process in which the socket may be open. It returns ""
// if the socket can only be open in this process, or in none.
func (r *relay) elsewhere(socketID string) string {
	if r == nil || r.backplane == nil {
		return ""
	}
	id, err := uuid.Parse(socketID)
	if err != nil {
		return ""
	}
	if topic := processTopic(id[:socketPrefix]); topic != r.topic {
		return topic
	}
	return ""
}

// ask asks another process about a socket and decodes the answer into the pointer to. m.Topic is
// the topic of the process and m.Event the question. ask returns false if there is no such process.
func (r *relay) ask(ctx context.Context, m Message, to any) (bool, error) {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, askTimeout)
		defer cancel()
	}
	m.Kind, m.ID, m.ReplyTo = "ask", uuid.NewString(), r.topic
	answered := make(chan Message, 1)
	r.mu.Lock()
	r.asks[m.ID] = answered
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		delete(r.asks, m.ID)
		r.mu.Unlock()
	}()
	r.backplane.Listen(r.topic)
	if there, err := r.backplane.Ask(ctx, m); err != nil || !there {
		return false, err
	}
	select {
	case answer := <-answered:
		return true, json.Unmarshal(answer.Body, to)
	case <-ctx.Done():
		return false, fmt.Errorf("the process of the socket does not answer: %w", context.Cause(ctx))
	}
}

// answered passes an answer to the ask that waits for it.
func (r *relay) answered(m Message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if waiting := r.asks[m.ID]; waiting != nil {
		select {
		case waiting <- m:
		default: // a second answer is dropped
		}
	}
}

// answer answers a question of another hub about a socket of this process.
func (r *relay) answer(m Message) {
	var about any
	var err error
	switch m.Event {
	case askUnicast:
		if !json.Valid(m.Body) {
			err = errors.New("the body is not JSON")
			break
		}
		about, err = r.hub.unicastRaw(m.Socket, m.Channel, json.RawMessage(m.Body))
	case askSubscriptions:
		about = r.hub.subscriptionsHere(m.Socket)
	default:
		err = errors.New("unknown question")
	}
	var text []byte
	if err == nil {
		text, err = json.Marshal(about)
	}
	if err != nil {
		r.log.Debug("question to the hub dropped", "asked", m.Event, "err", err)
		return
	}
	_ = r.backplane.Publish(Message{Topic: m.ReplyTo, Kind: "answer", ID: m.ID, Body: text}) // if it fails, the asker's ctx ends its wait
}
