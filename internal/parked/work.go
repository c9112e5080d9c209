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

// A Work says which messages to take out of a dead queue, and how.
type Work struct {
	Selection

	// Edit, if set, is called for each message before Do, and may take its time: the message is not
	// handed to Do if the connection was lost meanwhile. Its errors are those of Do.
	Edit func(ctx context.Context, m *Message) error

	// Do is called for each message, one after the other. If it returns nil, the message is taken;
	// after [ErrSkip] it stays parked; any other error ends the work.
	Do func(ctx context.Context, m *Message) error

	// Rate is how many messages are taken in a second. The default is 0, as fast as it goes.
	Rate float64

	// Progress, if set, is called after each message, with how many were handled of those that are
	// known to be meant.
	Progress func(done, of int)
}

// ErrSkip is returned by Work.Do for a message that stays parked.
var ErrSkip = errors.New("skipped")

// A Result says what Take has done.
type Result struct {
	Taken   int
	Skipped int
	Unseen  int // parked messages that were behind those that a look is limited to
}

// roundTime is how long messages are held. RabbitMQ closes a channel that holds one for longer than
// consumer_timeout, by default 30 minutes.
const roundTime = 10 * time.Minute

// Take takes the messages that w means out of the queue, from the oldest to the newest: those of
// the messages that are parked when Take is called. The others stay, in their order.
//
// Take looks at [MaxMessages] at a time, or [MaxBytes]. If there are more, it looks again as long
// as it finds some to take. The result is valid with an error too.
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
	work     Work // its IDs are those that remain
	named    bool // there were IDs
	result   Result
	seen     map[string]bool // IDs that were skipped
	next     time.Time       // when the next message may be taken
	complete bool            // no further round is needed
}

// round takes messages out of the first of those that remain, and returns how many remain then.
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
		t.complete = false // there is room for others
	}
	t.result.Unseen = unseen
	remaining -= taken
	if releaseErr := h.release(ctx, remaining); err == nil {
		err = releaseErr
	}
	return remaining, err
}

// name completes the IDs of the work, which are then those of messages.
func (t *taking) name(messages []*Message) {
	if !t.named {
		return
	}
	t.work.IDs = t.work.IDs[:0:0]
	for _, m := range messages {
		t.work.IDs = append(t.work.IDs, m.ID)
	}
}

// pick returns the messages that are meant, without those that were skipped before.
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

// handle takes a message, or skips it.
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
	if t.named { // the next round, if any, looks for the others
		t.work.IDs = slices.DeleteFunc(t.work.IDs, func(id string) bool { return id == m.ID })
	}
	return nil
}

// do does the work for a message, unless it is back in its queue.
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

// Prepare declares the queue that Replay publishes to, and returns how many consumers it has.
// Without one, what is replayed waits there until a process of the service runs.
func (d *Desk) Prepare(ctx context.Context) (consumers int, err error) {
	retry := deadletter.Queues{}.Retry(d.Queue)
	if err := d.conn.Declare(ctx, transport.Topology{Queues: []transport.Queue{retry}}); err != nil {
		return 0, err
	}
	_, consumers, err = d.conn.Inspect(ctx, retry.Name)
	return consumers, err
}

// Replay publishes a message to be tried again, and acknowledges it when the broker has confirmed
// that: a Work.Do. It returns when the broker has the acknowledgement, so that at most one message
// is tried twice if the process is killed. Call Prepare first.
func (d *Desk) Replay(ctx context.Context, m *Message) error {
	if err := d.conn.Publish(ctx, m.Replay(m.delivery, d.Queue)); err != nil {
		return err
	}
	if err := m.delivery.AckNow(ctx); err != nil {
		return fmt.Errorf("%w: it was published to be tried again, and may be parked still: %w", ErrLost, err)
	}
	return nil
}

// Drop does nothing, so that the message is gone when it is acknowledged: a Work.Do.
func (d *Desk) Drop(context.Context, *Message) error { return nil }
