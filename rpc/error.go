package rpc

import (
	"github.com/gomeko/gomeko/rpc/rpcerror"
	"github.com/gomeko/gomeko/transport"
)

// An Error is an error as the caller of a method receives it. A method that returns an Error, or an
// error that wraps one, reports a failure that its callers are meant to handle. errors.Is compares
// the paths:
//
//	var ErrNotFound = rpc.NewError("orders.exceptions.NotFound", "order not found")
//
//	errors.Is(err, ErrNotFound) // in the process of the caller too
//
// Callers in Python receive Nameko's RemoteError with Type and Value. The type is declared in
// package rpcerror, which programs that do not use RPC can import.
type Error = rpcerror.Error

// NewError returns an error of the class path with this text. The last word of path is its Type. A
// service declares one for each failure that its callers need to recognize.
func NewError(path, text string) *Error { return rpcerror.New(path, text) }

// These errors mean that a call did not reach a method, or was not answered in time. Test for them
// with errors.Is, since the errors that Call returns have more text.
var (
	// ErrUnknownService means that no queue takes the requests of the service: it was never started
	// on this broker.
	ErrUnknownService = rpcerror.ErrUnknownService

	// ErrMethodNotFound means that the service does not have the method.
	ErrMethodNotFound = rpcerror.ErrMethodNotFound

	// ErrIncorrectSignature means that the arguments do not match the method's parameters. The
	// method did not run.
	ErrIncorrectSignature = rpcerror.ErrIncorrectSignature

	// ErrMalformedRequest means that the service could not read the request.
	ErrMalformedRequest = rpcerror.ErrMalformedRequest

	// ErrUnavailable means that the service refused the call because something that it depends on,
	// such as a database, is failing: see service.Config.PauseUnhealthy. The method did not run. A
	// route that returns it answers with 503.
	ErrUnavailable = rpcerror.ErrUnavailable

	// ErrUnauthorized means that only users of a control panel may call the method, and that the call
	// has no valid grant from one: see package panel/grant. The method did not run. A route that
	// returns it answers with 401.
	ErrUnauthorized = rpcerror.ErrUnauthorized

	// ErrForbidden means that the user of a control panel is not in a group that the method requires.
	// The text and the second of the Args name the group. The method did not run. A route that returns
	// it answers with 403.
	ErrForbidden = rpcerror.ErrForbidden

	// ErrProcessEnded means that the method ran in a separate process, because its row has the key
	// isolate, and that this process crashed or was killed, perhaps because it used too much memory.
	// The method may have done part of its work.
	ErrProcessEnded = rpcerror.ErrProcessEnded

	// ErrTimeout means that the call took too long. If the caller's own deadline has passed, the
	// error is also context.DeadlineExceeded, and reports how many consumers and ready messages the
	// service's queue has.
	ErrTimeout = rpcerror.ErrTimeout

	// ErrWorkerTimeout means that the method took longer than its service allows. It is an ErrTimeout
	// that arrived as a reply.
	ErrWorkerTimeout = rpcerror.ErrWorkerTimeout

	// ErrNoConsumers means that nothing was consuming the service's queue when the call's deadline
	// passed: the service has run on this broker, but is not running now. It is also an ErrTimeout.
	ErrNoConsumers = rpcerror.ErrNoConsumers

	// ErrConnectionLost means that the connection was lost before the broker confirmed the request, or
	// for so long that the broker deleted the reply queue. It is unknown whether the method ran.
	ErrConnectionLost = transport.ErrConnectionLost
)
