package service

import (
	"context"
	"time"

	"github.com/gomeko/gomeko/signature"
)

// A Request is the call that an entrypoint makes with [Row.Run] for a delivery, a request or a
// tick. The zero value is a call without arguments.
type Request struct {
	// ID is the last part of the call's id, after service and method; "" means a new one.
	ID string

	// Parents, Data, Redelivered and Attempt are those of the [Call]; an Attempt of 0 is the first.
	Parents     []string
	Data        map[string]any
	Redelivered bool
	Attempt     int

	// Header has the headers that the call came with, for observers. It is nil if there are none.
	Header Header

	// Grant is the credential that came with the call, which a [Guard] checks; "" if there is none. It
	// is a secret, and not part of Data, so the call does not pass it on. Job is the id of the job
	// that the call runs, or "" if it runs none, and Payload is the job's body before compression.
	Grant   string
	Job     string
	Payload []byte

	Arguments signature.Arguments

	// Input reads the arguments once the call has a worker. If it is nil, Arguments are used.
	Input Input

	// Leading are the values of the leading parameters, whose types were passed to [Row.Bind]. A
	// func(context.Context) any is called with the context of the call, and returns the value.
	Leading []any

	// Limit is how long the call may wait for a worker and, unless its row has a timeout, run. 0 means
	// no limit. [Lift] removes it.
	Limit time.Duration

	// Cancel cancels the context passed to Run, which saves Run from deriving one. Run calls it when
	// the method has returned, when the container is killed, and at the end of Limit. It is nil if the
	// context cannot or must not be cancelled.
	Cancel context.CancelCauseFunc

	// Cancelled is the reason in the log if the context passed to Run is cancelled without a cause.
	// Nil means "by its caller".
	Cancelled error

	// Reserved is the call's worker if one was reserved with [Row.Reserve] or [Row.TryReserve]. Run
	// always releases it. If it is nil, the call waits for a worker.
	Reserved *Reservation

	// Withdrawn ends the wait for a worker when it is closed, and the error is an [ErrStopped]. A call
	// that already has its worker continues. It is nil if the request cannot be withdrawn.
	Withdrawn <-chan struct{}

	// Result converts what the method returns to the result of the call, while the values injected for
	// the call are still open; a stream that reads from them is read here. If it is nil, the result is
	// what the method returns or, for an iterator, the list of its items.
	Result func(ctx context.Context, result any) (any, error)

	// Once is called before the method, after the values injected for the call were made. It records
	// in the [Transaction] of the call that the call runs. If it returns an [ErrDuplicate], the method
	// is not called, the values are closed with that error, and the call succeeds without a result. If
	// Once is nil, the method is always called. Entrypoint must have called [Row.UseTransaction].
	Once func(ctx context.Context) error

	// Noted is called with the data that the method passes to [Note], such as its progress. It is for
	// entrypoints whose methods may run in another process, where values of ctx do not reach them. It
	// may be nil.
	Noted func(data []byte)

	// Watcher follows the call. It may be nil.
	Watcher Watcher

	performed bool // by Perform
}

// An Input is the encoded message with the arguments of a call. It is decoded as part of the call
// to limit the cost: no more messages are decoded at once than there are workers, and none whose
// call has ended.
type Input interface {
	// Read returns the arguments. ctx is the call's. Body is closed when the arguments are decoded,
	// before the method runs. If a middleware retries, Read is called again, possibly by another
	// goroutine.
	//
	// The error becomes the call's. It is not logged, so Read must log why the message cannot be read.
	Read(ctx context.Context) (args signature.Arguments, body Body, err error)
}

// A Body is the encoded body whose arguments an [Input] has returned.
type Body interface{ Close() }

// An unreadError is the error of an Input.
type unreadError struct{ error }

func (e unreadError) Unwrap() error { return e.error }

// A Watcher follows a call while [Row.Run] blocks. Any goroutine may call it. It is a callback
// because an entrypoint must act at these moments: it acknowledges a delivery before the method
// runs, and it accepts more calls while its current ones do not need their workers.
type Watcher interface {
	// Began is called when the call has a worker and its method is about to run. ctx is the call's. If
	// it returns an error, the method does not run, and the call fails with that error.
	Began(ctx context.Context) error

	// Idle is called with true when the call begins to wait without a worker, because it has lent its
	// own ([Lend]), because its row runs as many calls as max_workers allows, or between two attempts
	// ([Row.RunAgain]). It is called with false when the call continues or ends. It must not block.
	Idle(on bool)
}
