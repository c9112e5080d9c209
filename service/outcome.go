package service

import (
	"cmp"
	"context"
	"errors"
	"log/slog"

	"github.com/gomeko/gomeko/signature"
)

// An Outcome says how a call has ended. There are only a few, so they can be labels of metrics.
type Outcome uint8

const (
	// OK is a call that succeeded.
	OK Outcome = iota
	// OutcomeExpected is a call whose error callers are meant to handle: see [Expected].
	OutcomeExpected
	// OutcomeFault is a call with any other error, or a panic.
	OutcomeFault
	// OutcomeTimeout is a call that exceeded its time limit.
	OutcomeTimeout
	// OutcomeCancelled is a call that its caller gave up on.
	OutcomeCancelled
	// OutcomeRejected is a call that was not run: a [Guard] refused it, its message could not be
	// read, or its arguments did not fit.
	OutcomeRejected
	// OutcomeStopped is a call that did not run or was interrupted because the container was stopped.
	OutcomeStopped

	outcomes
)

// Outcomes is the number of outcomes: an array of this size can be indexed by an Outcome.
const Outcomes = int(outcomes)

// String returns the outcome in one word: ok, expected, fault, timeout, cancelled, rejected or
// stopped.
func (o Outcome) String() string {
	return [...]string{"ok", "expected", "fault", "timeout", "cancelled", "rejected", "stopped"}[min(o, outcomes-1)]
}

// outcome classifies the error of a call. It calls methods of err, which are the service's code.
func (c *run) outcome(err error) Outcome {
	var misfit *signature.Error
	var invalid invalidArguments
	switch {
	case errors.Is(err, ErrStopped):
		return OutcomeStopped
	case errors.Is(err, ErrTimeout) && c.givenUp():
		return OutcomeCancelled
	case errors.Is(err, ErrTimeout):
		return OutcomeTimeout
	case errors.As(err, &misfit), errors.As(err, &invalid):
		return OutcomeRejected
	case Expected(err):
		return OutcomeExpected
	}
	return OutcomeFault
}

// givenUp reports whether the context of the call was cancelled because its caller gave up.
func (c *run) givenUp() bool {
	cause := context.Cause(c)
	return Expected(cause) || errors.Is(cause, context.Canceled)
}

// level returns the level at which a failure is logged.
func (c *run) level(err error) slog.Level {
	if Expected(err) || errors.Is(err, ErrTimeout) && c.givenUp() {
		return slog.LevelWarn
	}
	return slog.LevelError
}

// timedOut returns the error of a call whose context has ended by cause.
func (c *run) timedOut(cause error) error {
	if c.row.container.life.Err() != nil {
		return ErrStopped
	}
	why := context.Cause(c)
	switch {
	case why == nil, why == ErrReturned, errors.Is(why, context.DeadlineExceeded):
		return &timeoutError{cause: cause}
	case why == context.Canceled:
		why = cmp.Or(c.request.Cancelled, errCancelled)
	}
	return &timeoutError{cause, why}
}

// isTimeout reports whether err is from [run.timedOut].
func isTimeout(err error) bool { return errors.Is(err, ErrTimeout) || errors.Is(err, ErrStopped) }
