package service

import (
	"errors"
	"fmt"
)

var (
	// ErrTimeout is the error of a call that took longer than it may, or whose ctx was cancelled.
	// It wraps what ended ctx: context.DeadlineExceeded, context.Canceled or its cause.
	ErrTimeout = errors.New("call timed out")

	// ErrStopped is the error of a call that was not run, or not to its end, because the container had been
	// killed or stopped; and of what is asked of a container that has ended.
	ErrStopped = errors.New("container stopped")

	// ErrReturned is the cause (context.Cause) that a call's ctx has ended for when its method has returned in time:
	// what the method left running is not wanted any less.
	ErrReturned = errors.New("method has returned")
)

// A PanicError is the error of a call that panicked, in its method or in a [Middleware].
type PanicError struct {
	Value any
	Stack []byte
}

func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// Unwrap returns the value if it is an error, else nil.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// A ShutdownError is why a container ended whose application called Shutdown of its fx.Shutdowner. It is not a failure if
// the exit code is 0.
type ShutdownError struct {
	ExitCode int // from fx.ExitCode
}

func (e *ShutdownError) Error() string {
	return fmt.Sprintf("the application shut down with exit code %d", e.ExitCode)
}

// Expected reports whether err is one that callers are meant to handle: the first of err and those that it wraps
// that has a method Expected() bool decides. Expected errors are logged at WARN, others at ERROR.
func Expected(err error) bool {
	var e interface{ Expected() bool }
	return errors.As(err, &e) && e.Expected()
}

// timeoutError is [ErrTimeout] with what ended the call's context.
type timeoutError struct{ cause error }

func (e *timeoutError) Error() string   { return ErrTimeout.Error() + ": " + e.cause.Error() }
func (e *timeoutError) Unwrap() []error { return []error{ErrTimeout, e.cause} }
