package service

import (
	"context"
	"time"

	"github.com/gomeko/gomeko/signature"
)

// A Request is what an entrypoint hands to [Row.Run]: the call that a delivery, a request or a tick
// asks for. The zero value asks for a call without arguments.
type Request struct {
	// ID is the last part of the call's id, after service and method; "" is a new one.
	ID string

	// Parents, Data, Redelivered and Attempt are those of the [Call]; an Attempt of 0 is the first.
	Parents     []string
	Data        map[string]any
	Redelivered bool
	Attempt     int

	// Header has the headers that the call came with, for observers. Nil if there are none.
	Header Header

	// Grant is what came with the call for a [Guard]: who may run it. It is a secret, and not part of
	// Data, so that the call does not pass it on. "" if there is none. Job is the id of the job that
	// the call runs, "" if it is not one, and Payload is the job's body, before compression.
	Grant   string
	Job     string
	Payload []byte

	Arguments signature.Arguments

	// Input reads the arguments when the call has a worker. Nil if they are Arguments.
	Input Input

	// Leading are the values of the types that [Row.Bind] was given. A func(context.Context) any is
	// called with the context of the call, and returns the value.
	Leading []any

	// Limit is how long the call may wait for a worker and, unless its row has a timeout, run. 0 is
	// no limit. [Lift] lifts it.
	Limit time.Duration

	// Cancel cancels the context that Run is given, so that Run does not have to make one. Run
	// calls it when the method has returned, when the container is killed, and at the end of Limit.
	// Nil if the context cannot be cancelled, or must not be.
	Cancel context.CancelCauseFunc

	// Cancelled says in the log why the call was cancelled, if the context that Run is given is
	// cancelled without a cause. Nil is "by its caller".
	Cancelled error

	// Reserved is the worker of the call, by [Row.Reserve] or [Row.TryReserve]: the call does not wait
	// for one. Run releases it in any case. Nil if the call waits for a worker.
	Reserved *Reservation

	// Withdrawn ends the wait for a worker when it is closed: the error is an [ErrStopped] then. A
	// call that has its worker runs on. Nil if the request cannot be withdrawn.
	Withdrawn <-chan struct{}

	// Result makes the result of the call from what the method returns, while the values that were
	// injected for the call are still open: a stream that reads from them is read there. Nil if the
	// result is what the method returns, or, if that is an iterator, the list of its items.
	Result func(ctx context.Context, result any) (any, error)

	// Once is called before the method, when the values that are injected for the call were made: in
	// the [Transaction] of the call it notes that the call runs. If its error is an [ErrDuplicate],
	// the method is not called, the values are closed with the error, and the call succeeds without
	// a result. Nil if the method is called in any case. The row must have [Row.UseTransaction].
	Once func(ctx context.Context) error

	// Noted is called with what the method says by [Note], for instance how far it has come. It is
	// for entrypoints whose methods may run in another process: there, values of ctx do not reach
	// them. Nil if nobody listens.
	Noted func(data []byte)

	// Watcher follows the call; nil if nobody does.
	Watcher Watcher

	performed bool // by Perform
}

// An Input is the message with the arguments of a call, while it is encoded. What decoding takes is
// limited thereby: it counts as part of the call, only as many messages are decoded at once as
// there are workers, and none whose call has ended.
type Input interface {
	// Read returns the arguments. ctx is the call's. Body is closed when the arguments are decoded,
	// before the method runs. A middleware that tries again reads again, maybe in another goroutine.
	//
	// The error is the call's, and is not logged: log there why the message cannot be read.
	Read(ctx context.Context) (args signature.Arguments, body Body, err error)
}

// A Body is the encoded body whose arguments an [Input] has returned.
type Body interface{ Close() }

// An unreadError is the error of an Input.
type unreadError struct{ error }

func (e unreadError) Unwrap() error { return e.error }

// A Watcher follows a call while [Row.Run] blocks, in any goroutine. It is called back, against the
// usual flow, because an entrypoint must act at these moments: it acknowledges a delivery before
// the method runs, and it takes on further calls while the ones that it has do not need their
// workers.
type Watcher interface {
	// Began is called when the call has a worker and its method is about to run. ctx is the call's.
	// With an error the method does not run, and the error is the call's.
	Began(ctx context.Context) error

	// Idle is called with true when the call begins to wait without a worker: it has lent its own
	// ([Lend]), or its row runs as many calls as max_workers allows. It is called with false when
	// the call goes on or ends. It must not block.
	Idle(on bool)
}
