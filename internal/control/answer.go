package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/gomeko/gomeko/internal/clip"
	"github.com/gomeko/gomeko/internal/secret"
	"github.com/gomeko/gomeko/transport"
)

const (
	// AnswersPrefix is the prefix of the queues that answers may be sent to. Without it, a request
	// could make this process publish to any queue that its user may write to.
	AnswersPrefix = "gomeko.control.answers."

	maxBusy      = 8    // limits concurrent requests; further ones are dropped
	maxArguments = 4096 // limits the size of a request's body in bytes
	maxID        = 255  // largest correlation_id in AMQP, in bytes

	crowdedLog = time.Minute // minimum time between log lines about dropped requests
)

// An Answer is the body of a reply to a request, as the process sends it.
type Answer struct {
	Schema   string    `json:"schema"`   // gomeko.<verb>/v1
	Instance string    `json:"instance"` // of the process that answers
	Services []Service `json:"services"`
	Answer   any       `json:"answer,omitempty"`
	Error    string    `json:"error,omitempty"` // the reason if there is no answer
}

// A Service describes a service of the answering process.
type Service struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`

	// Consumers is the number of consumers that the process has on the service's request queue,
	// rpc-<name>. It is nil if the service has no RPC methods.
	Consumers *int `json:"consumers,omitempty"`
}

// SchemaOf returns the versioned schema of the answers to a verb.
func SchemaOf(v Verb) string { return "gomeko." + string(v) + "/v1" }

// request answers a request in a new goroutine.
func (q *Queue) request(d *transport.Delivery, v Verb, service string) {
	defer d.Ack() // at once: a request that kills the process must not be redelivered
	if err := valid(d); err != nil {
		q.logger(d).Debug("control request dropped", "err", err)
		return
	}
	select {
	case q.busy <- struct{}{}:
	default:
		now := time.Now().UnixNano()
		if was := q.crowded.Load(); now-was > int64(crowdedLog) && q.crowded.CompareAndSwap(was, now) { // a flood must not fill the log
			q.logger(d).Warn("control requests dropped: too many are being answered", "limit", maxBusy)
		}
		return
	}
	r := Request{Verb: v, Service: service, User: d.UserID, Arguments: slices.Clone(d.Body)}
	q.answering.Go(func() {
		defer func() { <-q.busy }()
		ctx, cancel := context.WithTimeout(q.life, Valid)
		defer cancel()
		q.reply(ctx, d, q.answer(ctx, r))
	})
}

// valid returns an error if a request cannot be answered.
func valid(d *transport.Delivery) error {
	switch {
	case !strings.HasPrefix(d.ReplyTo, AnswersPrefix):
		return fmt.Errorf("reply_to: must begin with %s", AnswersPrefix)
	case len(d.ReplyTo) > maxKey || len(d.CorrelationID) > maxID:
		return errors.New("reply_to and correlation_id: must be at most 255 bytes")
	case len(d.Body) > maxArguments:
		return fmt.Errorf("body: %d bytes, at most %d are allowed", len(d.Body), maxArguments)
	}
	return nil
}

// answer returns the answer to a request.
func (q *Queue) answer(ctx context.Context, r Request) (a Answer) {
	a = Answer{Schema: SchemaOf(r.Verb), Instance: q.host.Instance(), Services: q.registry.services(q.host.Names())}
	defer func() {
		if p := recover(); p != nil {
			q.host.Logger().Error("control request failed", "verb", r.Verb, "err", p, "stack", string(debug.Stack()))
			a.Answer, a.Error = nil, "panic: see the log of the process"
		}
	}()
	if q.access < Full && !slices.Contains(readable, r.Verb) {
		a.Error = "not allowed by this process: set gomeko.control to full in its configuration"
		return a
	}
	answer, err := q.registry.handler(r.Verb)(ctx, r)
	if err != nil {
		a.Error = secret.Mask(clip.Text(err.Error(), clip.Log))
		return a
	}
	a.Answer = answer
	return a
}

// reply sends an answer. If the asker is gone, the answer is lost.
func (q *Queue) reply(ctx context.Context, d *transport.Delivery, a Answer) {
	body, err := json.Marshal(a)
	if err != nil {
		q.logger(d).Error("answer cannot be sent", "err", err)
		return
	}
	err = q.publisher.Send(ctx, transport.Publishing{
		Key:  d.ReplyTo,
		Body: body,
		Properties: transport.Properties{
			ContentType: "application/json", ContentEncoding: "utf-8",
			CorrelationID: d.CorrelationID, Expiration: Valid, Type: a.Schema,
		},
	}, q.sent)
	if err != nil && ctx.Err() == nil {
		q.logger(d).Warn("answer not sent", "err", err)
	}
}

// sent is called with the outcome of sending an answer.
func (q *Queue) sent(err error) {
	var refusal *transport.Error
	if errors.As(err, &refusal) {
		q.refused.Do(func() {
			q.host.Logger().Warn("the broker refuses answers to control requests: gomeko services does not list this process", "err", err)
		})
	}
}
