package rpcerror

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/gomeko/gomeko/codec"
)

// An Error is an error as it is sent: Nameko's serialized exception. See docs/wire/nameko.md,
// Errors.
//
// A method that returns its own Error, or an error that wraps one, reports a failure that its
// callers are meant to handle: the failure is logged at WARN, and the caller receives the same
// type, path and arguments, with the text of the whole error.
//
// errors.Is compares the paths of two Errors, so it also works in the caller's process, across any
// number of Go services. A caller in Python receives an Error that came from another service as a
// RemoteError with its type and text, as from Nameko.
//
// Args are sent as Nameko sends the arguments of an exception: strings unchanged, lists and maps
// with strings in them, and everything else as a string. Python constructs the exception from them
// if it knows the class; a caller in Go finds the strings in Args. If the Error is wrapped in an
// error with more text, the whole text is sent as the only argument.
type Error struct {
	Type  string `json:"exc_type"` // the name of the class: ValueError
	Path  string `json:"exc_path"` // the module and the name of the class: builtins.ValueError
	Args  []any  `json:"exc_args"` // the arguments of the exception; from another service: strings, and lists and maps of them
	Value string `json:"value"`    // the text: str(exception)

	status int     // HTTP status; 0 is none
	origin *origin // set by From
	nested string  // the type and text with which Nameko would pass it on, if Resolve changed them
	remote bool    // it came from another service
	cause  error   // what Unwrap returns; not sent
}

// These errors mean that a call did not reach a method, or was not answered in time. Test for them
// with errors.Is, since the errors that a call returns have more text.
var (
	// ErrUnknownService means that no queue takes the requests of the service: it was never started
	// on this broker.
	ErrUnknownService = New("nameko.exceptions.UnknownService", "unknown service")

	// ErrMethodNotFound means that the service does not have the method.
	ErrMethodNotFound = New("nameko.exceptions.MethodNotFound", "method not found")

	// ErrIncorrectSignature means that the arguments do not match the method's parameters. The
	// method did not run.
	ErrIncorrectSignature = New("nameko.exceptions.IncorrectSignature", "incorrect signature")

	// ErrMalformedRequest means that the service could not read the request.
	ErrMalformedRequest = New("nameko.exceptions.MalformedRequest", "malformed request")

	// ErrUnavailable means that the service refused the call because something that it depends on
	// is failing: see service.Config.PauseUnhealthy. The method did not run.
	ErrUnavailable = New("gomeko.Unavailable", "unavailable").WithStatus(503)

	// ErrUnauthorized means that only users of a control panel may call the method, and that the call
	// has no valid grant from one. The method did not run.
	ErrUnauthorized = New("gomeko.Unauthorized", "unauthorized").WithStatus(401)

	// ErrForbidden means that the user of a control panel is not in a group that the method requires.
	// The method did not run.
	ErrForbidden = New("gomeko.Forbidden", "forbidden").WithStatus(403)

	// ErrProcessEnded means that the method ran in a separate process, because its row has the key
	// isolate, and that this process crashed or was killed: see service.ProcessError.
	ErrProcessEnded = New("gomeko.ProcessEnded", "process ended").WithStatus(502)

	// ErrTimeout means that the call took too long.
	ErrTimeout = New("builtins.TimeoutError", "call timed out")

	// ErrWorkerTimeout means that the method took longer than its service allows. It is an ErrTimeout
	// that arrived as a reply.
	ErrWorkerTimeout error = timeout("method timed out")

	// ErrNoConsumers means that nothing was consuming the service's queue when the call's deadline
	// passed: the service has run on this broker, but is not running now. It is also an ErrTimeout.
	ErrNoConsumers error = timeout("no consumers")
)

// A timeout is a kind of [ErrTimeout].
type timeout string

func (t timeout) Error() string { return string(t) }

// Is reports whether target is [ErrTimeout].
func (timeout) Is(target error) bool { return target == error(ErrTimeout) }

// New returns an error of the class path with this text. The last word of path is its Type.
func New(path, text string) *Error {
	return &Error{Type: path[strings.LastIndex(path, ".")+1:], Path: path, Args: []any{text}, Value: text}
}

// NewTimeout returns an [ErrTimeout] with this text for a call that timed out in the caller. It
// wraps context.DeadlineExceeded and cause, which may be nil.
func NewTimeout(text string, cause error) *Error {
	e := ErrTimeout.WithText(text)
	e.cause = errors.Join(context.DeadlineExceeded, cause)
	return e
}

// NewUnserializable returns the error of a call whose outcome, a result or an error, cannot be
// sent. Its text has the type of the outcome, and why, if why is not nil.
func NewUnserializable(outcome any, why error) *Error {
	text := fmt.Sprintf("%T", outcome)
	if why != nil {
		text = fmt.Sprintf("%T: %v", outcome, why)
	}
	e := New("nameko.exceptions.UnserializableValueError", "Unserializable value: `"+wireText(text)+"`")
	e.Args = []any{}
	return e
}

// WithText returns an error of the same class and status as e with another text.
func (e *Error) WithText(text string) *Error {
	c := New(e.Path, codec.ValidText(text))
	c.status = e.status
	return c
}

// With returns an error of the same class and status as e with these Args. If the text of e has
// verbs of package fmt, it is formatted with the Args; otherwise the Args are appended to it:
//
//	var ErrNotFound = rpcerror.New("users.NotFound", "user %d not found")
//
//	return nil, ErrNotFound.With(3) // NotFound: user 3 not found
func (e *Error) With(args ...any) *Error {
	text := fmt.Sprintf(e.Value, args...)
	if !strings.Contains(e.Value, "%") {
		text = e.Value + ": " + strings.TrimSuffix(fmt.Sprintln(args...), "\n")
	}
	c := e.WithText(text)
	c.Args = args
	return c
}

// WithStatus returns a copy of e with an HTTP status from 400 to 599. A route that returns it, in
// this service or in one that calls it, answers with this status.
func (e *Error) WithStatus(status int) *Error {
	c := *e
	c.status = status
	return &c
}

// HTTPStatus returns the status that was set with [Error.WithStatus] or web.Status, in this service
// or another, or 0 if there is none.
func (e *Error) HTTPStatus() int { return e.status }

// Error returns the type and the text: "ValueError: bad value".
func (e *Error) Error() string {
	if e.Type == "" || e.Value == "" {
		return cmp.Or(e.Type+e.Value, "error without type and text")
	}
	return e.Type + ": " + e.Value
}

// Is reports whether target is an [Error] with the same Path, or wraps one, as web.Status does.
// [ErrWorkerTimeout] matches a timeout that another process sent.
func (e *Error) Is(target error) bool {
	if target == ErrWorkerTimeout {
		return e.remote && e.Path == ErrTimeout.Path
	}
	var t *Error
	return errors.As(target, &t) && t.Path != "" && t.Path == e.Path
}

// Unwrap returns the causes of an error made by [NewTimeout], joined. For all other errors it
// returns nil.
func (e *Error) Unwrap() error { return e.cause }

// Expected reports whether callers are meant to handle e: see service.Expected. If e has an HTTP
// status, e is expected if that is a client error (4xx). Otherwise, e is unexpected if another
// service
//
//   - did not answer or does not exist
//   - refused the request ([ErrMethodNotFound], [ErrIncorrectSignature], [ErrMalformedRequest], a
//     service.ValidationError)
//   - failed in a way that it did not declare: with an error of package builtins, or with one that
//     it received itself
func (e *Error) Expected() bool {
	if e.status != 0 {
		return e.status < 500
	}
	if e.Is(ErrTimeout) || e.Is(ErrUnknownService) {
		return false
	}
	return !e.remote || !e.registered() && e.Path != invalidPath && e.Path != remotePath && !strings.HasPrefix(e.Path, "builtins.")
}

// remotePath is the path of an error that a service received from another one and returned.
const remotePath = "nameko.exceptions.RemoteError"

// Remote reports whether e came from another service. The callers of this service may not know that
// service.
func (e *Error) Remote() bool { return e.remote }
