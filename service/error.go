package service

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/gomeko/gomeko/signature"
)

var (
	// ErrTimeout is the error of a call that exceeded its time limit, or whose context was
	// cancelled. It wraps the reason: context.DeadlineExceeded, context.Canceled, or the cause of
	// the cancellation.
	ErrTimeout = errors.New("call timed out")

	// ErrStopped is the error of a call that did not run or was interrupted because the container was
	// stopped or killed, or because its row was paused. A Start that was interrupted returns it too.
	ErrStopped = errors.New("container stopped")

	// ErrExited is the error of a call whose method or middleware ended its goroutine with
	// runtime.Goexit, as t.FailNow does.
	ErrExited = errors.New("the goroutine of the call was ended: runtime.Goexit")

	// ErrReturned is the cause (context.Cause) with which the context of a call ends when its method
	// has returned in time. It lets goroutines that the method left running tell this from a
	// cancellation.
	ErrReturned = errors.New("method has returned")
)

// errWithdrawn is the error of a call that was withdrawn before it had a worker.
var errWithdrawn error = withdrawnError{}

type withdrawnError struct{}

func (withdrawnError) Error() string        { return "call withdrawn before it began" }
func (withdrawnError) Is(target error) bool { return target == ErrStopped }

// A ValidationError lists the values in the arguments of a call that violate the constraints in the
// tags of their fields, such as min:"1"; see the package documentation. The method was not run. A
// method may also return one for its own checks.
//
//	var invalid *service.ValidationError
//	if errors.As(err, &invalid) {
//		for _, fault := range invalid.Faults { … }
//	}
//
// RPC callers in Go receive it too.
type ValidationError = signature.ValidationError

// A Fault is one value in the arguments of a call that violates a constraint.
type Fault = signature.Fault

// A PanicError is the error of a call whose method, or a [Middleware], panicked.
type PanicError struct {
	Value any
	Stack []byte
}

func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// Unwrap returns Value if it is an error, else nil.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// A ShutdownError is returned by [Container.Wait] if the application called Shutdown of its
// fx.Shutdowner. It is not a failure if the exit code is 0.
type ShutdownError struct {
	ExitCode int // from fx.ExitCode
}

func (e *ShutdownError) Error() string {
	return fmt.Sprintf("the application shut down with exit code %d", e.ExitCode)
}

// A StuckError is returned by [Container.Wait] if the container ended because [Config].MaxStuck
// methods were stuck. Their goroutines cannot be ended, so the process must exit.
type StuckError struct {
	Methods int // how many
}

func (e *StuckError) Error() string {
	return plural(e.Methods, "method") + " did not return after their time: the log has their stacks"
}

// Expected reports whether callers are meant to handle err. The first error in its tree that has a
// method Expected() bool decides; without one, err is not expected. Expected errors are logged at
// WARN, others at ERROR.
func Expected(err error) bool {
	var e interface{ Expected() bool }
	return errors.As(err, &e) && e.Expected()
}

// errCancelled is the reason of a cancelled call if no other is known.
var errCancelled = errors.New("by its caller")

// A timeoutError is an [ErrTimeout] with its reason.
type timeoutError struct {
	cause     error
	cancelled error // why the call was cancelled; nil if its time was over
}

func (e *timeoutError) Error() string {
	switch {
	case e.cancelled == nil:
		return ErrTimeout.Error() + ": " + e.cause.Error()
	case e.cause == context.Canceled, e.cause == e.cancelled:
		return "call cancelled: " + e.cancelled.Error()
	}
	return "call cancelled: " + e.cancelled.Error() + ": " + e.cause.Error()
}

func (e *timeoutError) Unwrap() []error { return []error{ErrTimeout, e.cause} }

// recovered turns a panic into the error of the function that defers it.
func recovered(result *any, err *error) {
	if p := recover(); p != nil {
		*result, *err = nil, panicked(p)
	}
}

// panicked returns the error of a call in which value was recovered.
func panicked(value any) error { return &PanicError{Value: value, Stack: debug.Stack()} }
