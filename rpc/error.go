package rpc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/signature"
	"github.com/gomeko/gomeko/transport"
)

// An Error is an error on the wire: Nameko's serialized exception (see docs/wire/nameko.md, Errors). An
// Error that a method returns, wrapped or not, is an expected error: it is logged at WARN, and the
// caller receives the same type, path and arguments, with the text of the whole error. errors.Is
// compares errors by Path:
//
//	var ErrNotFound = rpc.NewError("orders.exceptions.NotFound", "order not found")
//
//	errors.Is(err, ErrNotFound) // also on the caller's side
//
// Python callers see nameko's RemoteError with Type and Value. An Error that came from another service and is
// returned to a caller goes out as Nameko does it: as a RemoteError about it.
type Error struct {
	Type  string `json:"exc_type"` // the name of the class: ValueError
	Path  string `json:"exc_path"` // its module and name: builtins.ValueError
	Args  []any  `json:"exc_args"` // what the exception was made of; strings and lists and maps of them once it has travelled
	Value string `json:"value"`    // its text: str(exception)

	remote bool  // it came from another service
	cause  error // what errors.Is finds beside the path; not sent
}

// The errors of a call that did not reach a method, or not in time. They are tested with errors.Is; the errors that
// Call returns say more.
var (
	// ErrUnknownService says that no queue takes the requests of the service: it was never started on this broker.
	ErrUnknownService = NewError("nameko.exceptions.UnknownService", "unknown service")

	// ErrMethodNotFound says that the service has no such method.
	ErrMethodNotFound = NewError("nameko.exceptions.MethodNotFound", "method not found")

	// ErrIncorrectSignature says that the arguments do not fit the method, which was not run.
	ErrIncorrectSignature = NewError("nameko.exceptions.IncorrectSignature", "incorrect signature")

	// ErrMalformedRequest says that the service could not read the request.
	ErrMalformedRequest = NewError("nameko.exceptions.MalformedRequest", "malformed request")

	// ErrTimeout says that the call took too long. If that was for the caller's own limit, the error is
	// context.DeadlineExceeded too, and says how many consumers and ready messages the service's queue had.
	ErrTimeout = NewError("builtins.TimeoutError", "call timed out")

	// ErrWorkerTimeout says that the method took longer than the service lets it: an ErrTimeout that came as a reply.
	ErrWorkerTimeout = errors.New("method timed out")

	// ErrNoConsumers says that nobody took requests from the service's queue when the call's limit was over: an
	// ErrTimeout too. The queue is there because the service ran once.
	ErrNoConsumers = errors.New("no consumers")

	// ErrConnectionLost says that the connection was lost before the broker had confirmed the request, or for so long that
	// the broker has deleted the reply queue: whether the method runs is not known.
	ErrConnectionLost = transport.ErrConnectionLost
)

// NewError returns an error with the class path and the text given; the last word of path is its Type. A service
// declares one for each error that its callers are meant to tell from others.
func NewError(path, text string) *Error {
	return &Error{Type: path[strings.LastIndex(path, ".")+1:], Path: path, Args: []any{text}, Value: text}
}

// Error returns type and text: "ValueError: bad value".
func (e *Error) Error() string {
	if e.Type == "" || e.Value == "" {
		return cmp.Or(e.Type+e.Value, "error without type and text")
	}
	return e.Type + ": " + e.Value
}

// Is reports whether target is an [Error] of the same Path, or [ErrWorkerTimeout] and e the timeout of another process.
func (e *Error) Is(target error) bool {
	if target == ErrWorkerTimeout {
		return e.remote && e.Path == ErrTimeout.Path
	}
	t, ok := target.(*Error)
	return ok && t.Path != "" && t.Path == e.Path
}

// Unwrap returns what is beside the path of a call that timed out here: context.DeadlineExceeded, [ErrNoConsumers]; nil
// for what came over the wire.
func (e *Error) Unwrap() error { return e.cause }

// Expected returns true: see [service.Expected].
func (e *Error) Expected() bool { return true }

// Remote reports whether e came from another service: how that has failed may be nothing for the callers of this one.
func (e *Error) Remote() bool { return e.remote }

// about returns an error of e's class with another text.
func (e *Error) about(text string) *Error { return NewError(e.Path, valid(text)) }

// AsError returns the error of a call as its caller is told of it: an [Error] that err is or wraps with the text of the
// whole, what does not fit as [ErrIncorrectSignature], any other as builtins.Exception with its text. It is for
// entrypoints with another wire.
func AsError(err error) *Error {
	var (
		misfit *signature.Error
		fault  *service.PanicError
		typed  *Error
	)
	switch {
	case errors.As(err, &misfit):
		return ErrIncorrectSignature.about(misfit.Text)
	case errors.As(err, &fault):
		return NewError("builtins.RuntimeError", valid(err.Error()))
	case errors.As(err, &typed):
		return typed.within(err)
	case errors.Is(err, service.ErrTimeout):
		return ErrTimeout.about(err.Error())
	}
	return NewError("builtins.Exception", valid(err.Error()))
}

// within returns e as it is sent when err, which is or wraps it, is the outcome of a call.
func (e *Error) within(err error) *Error {
	sent := &Error{Type: valid(e.Type), Path: valid(e.Path), Args: stringify(e.Args), Value: valid(e.Value)}
	if e.remote && !e.known() {
		sent = NewError("nameko.exceptions.RemoteError", e.Type+" "+e.Value)
	}
	if whole, own := err.Error(), e.Error(); whole != own {
		sent.Value = valid(strings.Replace(whole, own, sent.Value, 1))
		sent.Args = []any{sent.Value}
	}
	return sent
}

// known reports whether Nameko makes an exception of e's own class at the caller, which then goes on as itself.
func (e *Error) known() bool {
	return e.Is(ErrMethodNotFound) || e.Is(ErrIncorrectSignature) || e.Is(ErrMalformedRequest)
}

// stringify returns args as Nameko's safe_for_serialization does: lists and maps recursed into, all else as Python's str.
func stringify(args []any) []any {
	out := make([]any, len(args))
	for i, arg := range args {
		out[i] = stringified(arg)
	}
	return out
}

func stringified(v any) any {
	switch v := v.(type) {
	case nil:
		return "None"
	case string:
		return valid(v)
	case bool:
		if v {
			return "True"
		}
		return "False"
	case float32, float64:
		if text, err := codec.JSON.Encode(v); err == nil { // 2.0 keeps its point
			return string(text)
		}
	case fmt.Stringer, error:
		return valid(fmt.Sprint(v))
	}
	switch r := reflect.ValueOf(v); r.Kind() {
	case reflect.Slice, reflect.Array:
		out := make([]any, r.Len())
		for i := range out {
			out[i] = stringified(r.Index(i).Interface())
		}
		return out
	case reflect.Map:
		out := make(map[string]any, r.Len())
		for key, value := range r.Seq2() {
			out[valid(fmt.Sprint(key.Interface()))] = stringified(value.Interface())
		}
		return out
	}
	return valid(fmt.Sprint(v))
}

// valid returns text with U+FFFD where it is not UTF-8: no other can be sent.
func valid(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }

// timedOut returns the error of a call that ended at its deadline, by the cause if that is known.
func timedOut(text string, cause error) *Error {
	e := ErrTimeout.about(text)
	e.cause = errors.Join(context.DeadlineExceeded, cause)
	return e
}

// unserializable returns the error of a call whose outcome cannot be sent.
func unserializable(result any, err, why error) *Error {
	if err != nil {
		result = err
	}
	return &Error{
		Type:  "UnserializableValueError",
		Path:  "nameko.exceptions.UnserializableValueError",
		Args:  []any{},
		Value: valid(fmt.Sprintf("Unserializable value: `%T: %v`", result, why)),
	}
}
