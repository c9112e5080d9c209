package parked

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gomeko/gomeko/internal/deadletter"
	"github.com/gomeko/gomeko/internal/wait"
	"github.com/gomeko/gomeko/transport"
)

// A Work says which messages to take out of a dead queue, and what to do with them.
type Work struct {
	Selection

	// Edit, if set, is called for each message before Do. It may take long: if the connection is
	// lost in the meantime, Do is not called. Its errors have the same effect as those of Do.
	Edit func(ctx context.Context, m *Message) error

	// Do is called for each message in turn. If it returns nil, the message is taken; if it returns
	// [ErrSkip], the message stays parked; any other error ends the work.
	Do func(ctx context.Context, m *Message) error

	// Rate limits how many messages are taken per second. The default is 0, which means no limit.
	Rate float64

	// Progress, if set, is called after each message with the number of messages handled so far,
	// and the number of selected messages known so far.
	Progress func(done, of int)
}

// ErrSkip is returned by Work.Do for a message that must stay parked.
var ErrSkip = errors.New("skipped")

// A Result is the result of Take.
type Result struct {
	Taken   int
	Skipped int
	Unseen  int // number of parked messages behind those that a look may have
}

// roundTime limits how long messages are held. RabbitMQ closes a channel that holds one for longer
// than consumer_timeout, by default 30 minutes.
const roundTime = 10 * time.Minute

// Take takes the messages that w selects out of the queue, from the oldest to the newest. It only
// considers messages that are parked when it is called. The others stay, in their order.
//
// Take looks at up to [MaxMessages] or [MaxBytes] at a time. If there are more, it looks again as
// long as it finds messages to take. The result is valid even if there is an error.
func (d *Desk) Take(ctx context.Context, w Work) (Result, error) {
	t := taking{desk: d, work: w, named: len(w.IDs) > 0, seen: map[string]bool{}}
	remaining, err := d.depth(ctx)
	for err == nil && remaining > 0 && !t.complete {
		remaining, err = t.round(ctx, remaining)
	}
	return t.result, err
}

// A taking is a call of Take.
type taking struct {
	desk     *Desk
	work     Work // IDs of messages that have been handled are removed from it
	named    bool // work had IDs
	result   Result
	seen     map[string]bool // IDs of skipped messages
	next     time.Time       // when the next message may be taken
	complete bool            // no further round is needed
}

// round takes messages out of the first part of the remaining ones, and returns how many remain
// then.
func (t *taking) round(ctx context.Context, remaining int) (int, error) {
	h, err := t.desk.hold(ctx, remaining)
	if err != nil {
		return remaining, err
	}
	picked, err := t.pick(h.messages)
	if err != nil {
		return remaining, errors.Join(err, h.release(ctx, remaining))
	}
	t.name(picked)
	unseen, before := remaining-len(h.messages), t.result.Taken
	until, of := time.Now().Add(roundTime), t.result.Taken+t.result.Skipped+len(picked)
	t.complete = true
	for _, m := range picked {
		if time.Now().After(until) {
			t.complete = false
			break
		}
		if err = t.handle(ctx, h, m); err != nil {
			break
		}
		if t.work.Progress != nil {
			t.work.Progress(t.result.Taken+t.result.Skipped, of)
		}
	}
	taken := t.result.Taken - before
	if unseen > 0 && taken > 0 && !t.named {
		t.complete = false // there is room for others now
	}
	t.result.Unseen = unseen
	remaining -= taken
	if releaseErr := h.release(ctx, remaining); err == nil {
		err = releaseErr
	}
	return remaining, err
}

// name replaces the IDs of the work, which may be prefixes, with those of the messages.
func (t *taking) name(messages []*Message) {
	if !t.named {
		return
	}
	t.work.IDs = t.work.IDs[:0:0]
	for _, m := range messages {
		t.work.IDs = append(t.work.IDs, m.ID)
	}
}

// pick returns the selected messages, except for those that have been skipped.
func (t *taking) pick(messages []*Message) ([]*Message, error) {
	if len(t.seen) == 0 {
		return t.work.Pick(messages)
	}
	var others []*Message
	for _, m := range messages {
		if !t.seen[m.ID] {
			others = append(others, m)
		}
	}
	return t.work.Pick(others)
}

// handle takes a message or skips it.
func (t *taking) handle(ctx context.Context, h *held, m *Message) error {
	if err := t.pace(ctx); err != nil {
		return err
	}
	switch err := t.do(ctx, h, m); {
	case errors.Is(err, ErrSkip):
		t.seen[m.ID] = true
		t.result.Skipped++
	case err != nil:
		return fmt.Errorf("message %s: %w", m.ID, err)
	case h.lost(): // it cannot be acknowledged
		return ErrLost
	default:
		m.delivery.Ack()
		t.result.Taken++
	}
	if t.named { // a further round must not look for this one
		t.work.IDs = slices.DeleteFunc(t.work.IDs, func(id string) bool { return id == m.ID })
	}
	return nil
}

// do does the work for a message, unless the message has been requeued.
func (t *taking) do(ctx context.Context, h *held, m *Message) error {
	if t.work.Edit != nil {
		if err := t.work.Edit(ctx, m); err != nil {
			return err
		}
	}
	if h.lost() {
		return ErrLost
	}
	return t.work.Do(ctx, m)
}

// pace waits until the next message may be taken.
func (t *taking) pace(ctx context.Context) error {
	if t.work.Rate <= 0 {
		return context.Cause(ctx)
	}
	now := time.Now()
	if t.next.Before(now) {
		t.next = now
	}
	wait.For(ctx, t.next.Sub(now))
	t.next = t.next.Add(time.Duration(float64(time.Second) / t.work.Rate))
	return context.Cause(ctx)
}

// Prepare declares the queue that Replay publishes to, and returns its number of consumers. If
// there is none, replayed messages wait in it until a process of the service runs.
func (d *Desk) Prepare(ctx context.Context) (consumers int, err error) {
	retry := deadletter.Queues{}.Retry(d.Queue)
	if err := d.conn.Declare(ctx, transport.Topology{Queues: []transport.Queue{retry}}); err != nil {
		return 0, err
	}
	_, consumers, err = d.conn.Inspect(ctx, retry.Name)
	return consumers, err
}

// Replay publishes a message so that it is tried again, and acknowledges it once the broker has
// confirmed that. It returns when the broker has received the acknowledgement, so at most one
// message is tried twice if the process is killed. Call Prepare first. It can be used as Work.Do.
func (d *Desk) Replay(ctx context.Context, m *Message) error {
	if err := d.conn.Publish(ctx, m.Replay(m.delivery, d.Queue)); err != nil {
		return err
	}
	if err := m.delivery.AckNow(ctx); err != nil {
		return fmt.Errorf("%w: it was published to be tried again, and may be parked still: %w", ErrLost, err)
	}
	return nil
}

// Drop does nothing, so the message is gone when it is acknowledged. It can be used as Work.Do.
func (d *Desk) Drop(context.Context, *Message) error { return nil }
