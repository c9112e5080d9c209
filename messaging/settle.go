package messaging

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/gomeko/gomeko/internal/clip"
	"github.com/gomeko/gomeko/internal/deadletter"
	"github.com/gomeko/gomeko/internal/headers"
	"github.com/gomeko/gomeko/rpc/rpcerror"
	"github.com/gomeko/gomeko/service"
)

// settle acknowledges or rejects a message when its call has ended. If the message is to be handled
// again or parked, settle first ensures that it is kept. The call's error has been logged by then.
func (s *subscriber) settle(ctx context.Context, m received, err error) {
	if err == nil {
		s.streak.note(good)
		s.returns.forget(m.Delivery)
		m.Ack()
		return
	}
	f := s.judge(m, err)
	if s.retries.climbs() {
		s.streak.note(f.omen())
	}
	switch f.fate {
	case givenBack:
		s.suspects.giveBack(ctx, m)
	case requeued:
		s.returns.add(m.Delivery)
		s.row.Host.Observers().Retried(ctx, f.observed())
	case retried:
		s.retries.retry(ctx, f)
	case parked:
		s.retries.park(ctx, f)
	case dropped:
		if f.unreadable != nil {
			s.logDropped(m, f.unreadable)
		}
		s.drop(ctx, f)
	}
}

// drop acknowledges a message that is not handled again.
func (s *subscriber) drop(ctx context.Context, f *failure) {
	f.Ack()
	s.row.Host.Observers().Dropped(ctx, f.observed())
}

// A failure is a message whose call has failed, and what happens to it.
type failure struct {
	received
	row        *service.Row
	err        error
	unreadable *unreadableError // err, if the message cannot be read

	waits  bool // it has not failed: its next attempt has the same number
	asked  bool // the method has said what should happen to it
	fate   fate
	reason deadletter.Reason // why it is parked or dropped
	delay  time.Duration     // until the retry

	// How the error describes itself.
	kind, text, stack string
}

// A fate is what happens to a message whose call has failed.
type fate int

const (
	givenBack fate = iota // returned to the queue: the call did not run
	requeued              // returned to the queue, by the key requeue
	retried               // after a delay
	parked                // moved to the dead queue
	dropped               // acknowledged
)

// unretried is the reason for dropping a message in a row without retry.
const unretried deadletter.Reason = "failed"

// judge decides what happens to a message whose call has failed with err. The methods of err are
// the service's code; if they panic, the decision is made without them.
func (s *subscriber) judge(m received, err error) *failure {
	f := &failure{received: m, row: s.row, err: err, reason: unretried}
	decided := failure{}
	ended := s.row.Apart(func() {
		decided = *f
		s.decide(&decided)
	})
	if ended == nil {
		return &decided
	}
	f.kind, f.text = fmt.Sprintf("%T", err), ended.Error()
	s.byLadder(f)
	return f
}

// decide makes the decision from the error, whose methods it calls.
func (s *subscriber) decide(f *failure) {
	if errors.Is(f.err, service.ErrStopped) || errors.Is(f.err, errNotAcked) {
		return // givenBack: the call was interrupted, or did not begin
	}
	f.describe()
	verdict := service.VerdictOf(f.err)
	f.asked = verdict.Asked
	switch {
	case errors.As(f.err, &f.unreadable): // delivered again, it would still be unreadable
		f.reason, f.fate = deadletter.Unreadable, dropped
		if s.retries.climbs() {
			f.fate = parked
		}
	case s.AckEarly && verdict.Asked && verdict.Action != service.Dropped:
		s.row.Logger().Error(`the method returned service.RetryAfter or Park, which have no effect with ack:"early": the message is acknowledged`,
			"queue", s.Queue, "remedy", `remove ack:"early"`)
		f.fate = dropped
	case verdict.Action == service.Dropped:
		f.fate, f.reason = dropped, "asked"
	case verdict.Action == service.Parked && verdict.Asked:
		f.fate, f.reason = parked, deadletter.Asked
	case verdict.Action == service.Parked:
		f.reason = deadletter.Expected
		f.fate = s.kept(parked)
	case verdict.Asked:
		s.byRequest(f, verdict.After)
	default:
		s.byLadder(f)
	}
	if s.retries.off() && (f.fate == parked || f.fate == retried) {
		s.row.Logger().Error("a failed message is not kept, because the row cannot retry", "queue", s.Queue, "why", s.retries.why())
		f.fate = s.kept(f.fate)
	}
}

// kept returns fate if the row retries, and otherwise the fate without retry.
func (s *subscriber) kept(fate fate) fate {
	switch {
	case s.retries.climbs():
		return fate
	case s.Requeue:
		return requeued
	}
	return dropped // as in Nameko
}

// byLadder schedules the message for the row's next delay, if there is one.
func (s *subscriber) byLadder(f *failure) {
	delay, more := s.Retry.Delay(f.attempt.Number)
	if !more {
		f.reason = deadletter.Exhausted
	}
	switch {
	case !s.retries.climbs():
		f.reason = unretried
		f.fate = s.kept(retried)
	case more:
		f.fate, f.delay = retried, delay
	default:
		f.fate = parked
	}
}

// byRequest schedules the message for the delay that the method asked for.
func (s *subscriber) byRequest(f *failure, after time.Duration) {
	delay, err := s.Retry.After(after)
	switch {
	case err != nil:
		s.row.Logger().Error("a message is parked, because it cannot wait for so long", "queue", s.Queue, "err", err)
		f.text = err.Error() + ": " + f.text
		f.fate, f.reason = parked, deadletter.Asked
	case len(s.Retry) > 0 && f.attempt.Number > len(s.Retry):
		f.fate, f.reason = parked, deadletter.Exhausted
	default:
		f.fate, f.delay = retried, delay
	}
}

// describe reads the description from the error.
func (f *failure) describe() {
	f.text = clip.Text(f.err.Error(), clip.Log)
	f.kind = kindOf(f.err)
	var panicked *service.PanicError
	if errors.As(f.err, &panicked) {
		f.stack = string(panicked.Stack)
	}
}

// kindOf returns the name by which errors of this kind are grouped: the class of an RPC error, or
// the type of the innermost error.
func kindOf(err error) string {
	var named *rpcerror.Error
	var panicked *service.PanicError
	switch {
	case errors.As(err, &panicked):
		return fmt.Sprintf("%T", panicked)
	case errors.Is(err, service.ErrTimeout):
		return "service.ErrTimeout"
	case errors.As(err, &named):
		return named.Type
	case errors.As(err, new(*service.ValidationError)):
		return "ValidationError"
	}
	for {
		inner := errors.Unwrap(err)
		if joined, ok := err.(interface{ Unwrap() []error }); ok && len(joined.Unwrap()) > 0 { //nolint:errorlint // one level at a time
			inner = joined.Unwrap()[0]
		}
		if inner == nil {
			return fmt.Sprintf("%T", err)
		}
		err = inner
	}
}

// observed returns the failure as observers see it.
func (f *failure) observed() service.Failure {
	return service.Failure{Entry: f.row, Attempt: f.attempt.Number, After: f.delay, Reason: string(f.reason), Err: f.err}
}

// loggedBody is how many bytes of a dropped body are logged.
const loggedBody = 200

func (s *subscriber) logDropped(m received, unreadable *unreadableError) {
	reason, body := unreadable.Error(), strconv.Quote(string(unreadable.body[:min(len(unreadable.body), loggedBody)]))
	if s.row.Sensitive() {
		reason, body = service.Redacted, service.Redacted
	}
	s.row.Logger().With(headers.LogAttrs(m.first)...).Error("message dropped: it cannot be read", "queue", s.Queue, "exchange", m.first.Exchange, "key", m.first.Key,
		"err", clip.Text(reason, clip.Log), "body", body)
}
