package rpcerror

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/signature"
)

// From returns err, the error of a call, in the form in which the caller receives it:
//
//   - the [Error] that err is or wraps, with the text of err
//   - [ErrIncorrectSignature] for a signature.Error
//   - [ErrTimeout] for service.ErrTimeout
//   - builtins.RuntimeError for a panic
//   - builtins.Exception, with the text of err, for any other error
func From(err error) *Error {
	var (
		mismatch *signature.Error
		panicked *service.PanicError
		typed    *Error
	)
	switch {
	case errors.As(err, &mismatch):
		return ErrIncorrectSignature.WithText(mismatch.Text)
	case errors.As(err, &panicked):
		return New("builtins.RuntimeError", codec.ValidText(err.Error()))
	case errors.As(err, &typed):
		return typed.sent(err)
	case errors.Is(err, service.ErrTimeout):
		return ErrTimeout.WithText(err.Error())
	}
	return New("builtins.Exception", codec.ValidText(err.Error()))
}

// sent returns the form in which e is sent when err is the outcome of a call. The error err is e,
// or wraps it.
func (e *Error) sent(err error) *Error {
	sent := &Error{Type: codec.ValidText(e.Type), Path: codec.ValidText(e.Path), Args: stringify(e.Args), Value: codec.ValidText(e.Value)}
	if e.remote && !e.registered() {
		sent = New(remotePath, e.Type+" "+e.Value)
	}
	if whole, own := err.Error(), e.Error(); whole != own {
		sent.Value = codec.ValidText(strings.Replace(whole, own, sent.Value, 1))
		sent.Args = []any{sent.Value}
	}
	return sent
}

// registered reports whether Nameko raises an exception of e's own class in a caller. Such an error
// is passed on as itself.
func (e *Error) registered() bool {
	return e.Is(ErrMethodNotFound) || e.Is(ErrIncorrectSignature) || e.Is(ErrMalformedRequest)
}

// stringify returns args as Nameko's safe_for_serialization does: strings, and lists and maps of
// them.
func stringify(args []any) []any {
	out := make([]any, len(args))
	for i, arg := range args {
		out[i] = stringified(arg)
	}
	return out
}

// stringified returns v as Python's str does, or a list or a map of such strings.
func stringified(v any) any {
	switch v := v.(type) {
	case nil:
		return "None"
	case string:
		return codec.ValidText(v)
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
		return codec.ValidText(fmt.Sprint(v))
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
			out[codec.ValidText(fmt.Sprint(key.Interface()))] = stringified(value.Interface())
		}
		return out
	}
	return codec.ValidText(fmt.Sprint(v))
}
