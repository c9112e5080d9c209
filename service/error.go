package service

import "errors"

var (
	// ErrTimeout is the error of a call that took longer than it may.
	ErrTimeout = errors.New("call timed out")

	// ErrStopped is the error of a call that was not run, or not to its end, because the container was killed.
	ErrStopped = errors.New("container stopped")
)

// A SignatureError says, in Python's words, why arguments do not fit a signature:
// "get_order() missing 1 required positional argument: 'order_id'".
type SignatureError struct{ Text string }

func (e *SignatureError) Error() string { return e.Text }

// A PanicError is the error of a call whose method panicked.
type PanicError struct {
	Value any
	Stack []byte
}

func (e *PanicError) Error() string { panic("sketch") }

// Expected reports whether err is one that callers are meant to handle: err or one that it wraps has
// Expected() bool, and it returns true. Expected errors are logged at WARN, others at ERROR.
func Expected(err error) bool { panic("sketch") }
