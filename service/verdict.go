package service

import (
	"errors"
	"time"

	"github.com/gomeko/gomeko/signature"
)

// RetryAfter returns err with the instruction to retry the call, but not before d has passed. The
// message waits for the row's shortest delay of at least d or, if the row has none, for the
// shortest such delay of [LaterDelays]. RetryAfter works without the key retry in the row's tag. It
// counts as an attempt: if the row has a ladder, no attempt follows the last one.
//
// The returned error wraps err and has its text. Rows of events, messages and RPC follow the
// instruction, and so do jobs, which wait for exactly d; other entrypoints treat the error like
// err.
func RetryAfter(d time.Duration, err error) error { return instructed(err, Retry, d) }

// Park returns err with the instruction not to retry the call: its message is moved to the dead
// queue, where it is kept for somebody to look at. Park works without the key retry in the row's
// tag. An RPC caller receives err.
//
// The returned error wraps err and has its text. Rows of events, messages and RPC follow the
// instruction, and jobs fail without another attempt; other entrypoints treat the error like err.
func Park(err error) error { return instructed(err, Parked, 0) }

// Drop returns err with the instruction to drop the call: its message is acknowledged. Drop works
// with and without the key retry in the row's tag. An RPC caller receives err.
//
// The returned error wraps err and has its text. Rows of events, messages and RPC follow the
// instruction, and jobs are cancelled; other entrypoints treat the error like err.
func Drop(err error) error { return instructed(err, Dropped, 0) }

// A Verdict is what an entrypoint that retries does with the message of a failed call.
// [VerdictOf] returns it.
type Verdict struct {
	Action Action

	// Asked means that the method has asked for Action with RetryAfter, Park or Drop. It then applies
	// to rows without retry too.
	Asked bool

	// After is the argument of RetryAfter, which may be 0 or negative; 0 without it.
	After time.Duration
}

// An Action says whether a failed call is tried again.
type Action int

const (
	Retry   Action = iota // try again, after After or the next delay of the row's [Ladder]
	Parked                // do not try again, and keep the message in the dead queue
	Dropped               // do not try again, and acknowledge the message
)

// VerdictOf returns what to do with a call that has failed with err. The outermost RetryAfter, Park
// or Drop decides. Without one of these,
//
//   - panics, timeouts and errors that are not expected (see [Expected]) are retried;
//   - errors that come from another service are retried even if they are expected: those with a
//     method Remote() bool that returns true, anywhere in their tree;
//   - all others would fail again, and are parked: the method's own expected errors, arguments that
//     do not fit or cannot be read, and calls that a [Guard] refuses.
//
// It is for entrypoints. err must not be nil.
func VerdictOf(err error) Verdict {
	var panicked *PanicError
	var asked *instruction
	var unread unreadError
	var mismatch *signature.Error
	var refused refusal
	switch {
	case errors.As(err, &panicked), errors.Is(err, ErrTimeout), errors.Is(err, ErrExited), errors.Is(err, ErrStopped):
		return Verdict{Action: Retry}
	case errors.As(err, &asked):
		return asked.verdict
	case errors.As(err, &unread), errors.As(err, &mismatch), errors.As(err, &refused):
		return Verdict{Action: Parked}
	case Expected(err) && !remote(err):
		return Verdict{Action: Parked}
	}
	return Verdict{Action: Retry}
}

// remote reports whether an error in err's tree came from another service.
func remote(err error) bool {
	if e, ok := err.(interface{ Remote() bool }); ok && e.Remote() { //nolint:errorlint // the tree is walked here
		return true
	}
	switch e := err.(type) { //nolint:errorlint // as above
	case interface{ Unwrap() error }:
		return remote(e.Unwrap())
	case interface{ Unwrap() []error }:
		for _, part := range e.Unwrap() {
			if remote(part) {
				return true
			}
		}
	}
	return false
}

// An instruction is an error that says what to do with the call.
type instruction struct {
	err     error
	verdict Verdict
}

// errInstructed is the error of an instruction that was given nil.
var errInstructed = errors.New("the method returned service.RetryAfter, Park or Drop without an error")

func instructed(err error, action Action, after time.Duration) error {
	if err == nil {
		err = errInstructed
	}
	return &instruction{err, Verdict{Action: action, Asked: true, After: after}}
}

func (e *instruction) Error() string { return e.err.Error() }
func (e *instruction) Unwrap() error { return e.err }
