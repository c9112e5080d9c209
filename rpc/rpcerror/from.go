package rpcerror

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/signature"
)

// From returns err, the error of a call, in the form in which it is sent: that of [Original], or, for
// an error of another service, a RemoteError as from Nameko. Its Header has what callers in Go need
// besides.
func From(err error) *Error {
	sent := Original(err)
	from := origin{Status: sent.status}
	if sent.remote && !sent.registered() {
		from.Type, from.Path, from.Args, from.Value = sent.Type, sent.Path, sent.Args, sent.Value
		var e *Error
		errors.As(err, &e)
		sent = New(remotePath, e.replace(err, cmp.Or(e.nested, e.Type+" "+e.Value)))
	}
	if from.Path != "" || from.Status != 0 {
		sent.origin = &from
	}
	return sent
}

// Original returns err, the error of a call, as an Error that is the same in every service:
//
//   - the [Error] that err is or wraps, with the text of err
//   - [ErrIncorrectSignature] for a signature.Error
//   - [ErrTimeout] for service.ErrTimeout
//   - builtins.RuntimeError for a panic
//   - builtins.Exception, with the text of err, for any other error
//
// It has the HTTP status of err, if err has one.
func Original(err error) *Error {
	var (
		mismatch *signature.Error
		panicked *service.PanicError
		typed    *Error
		own      *Error
	)
	switch {
	case errors.As(err, &mismatch):
		return ErrIncorrectSignature.WithText(mismatch.Text)
	case errors.As(err, &panicked):
		return New("builtins.RuntimeError", codec.ValidText(err.Error()))
	case errors.As(err, &typed):
		own = &Error{Type: codec.ValidText(typed.Type), Path: codec.ValidText(typed.Path), Args: stringify(typed.Args), remote: typed.remote}
		own.Value = typed.replace(err, typed.Value)
		if err.Error() != typed.Error() {
			own.Args = []any{own.Value}
		}
	case errors.Is(err, service.ErrTimeout):
		return ErrTimeout.WithText(err.Error())
	default:
		own = New("builtins.Exception", codec.ValidText(err.Error()))
	}
	var chosen interface{ HTTPStatus() int }
	if errors.As(err, &chosen) && chosen.HTTPStatus() >= 400 && chosen.HTTPStatus() < 600 {
		own.status = chosen.HTTPStatus()
	}
	return own
}

// replace returns the text of err, which is e or wraps it, with text in place of that of e.
func (e *Error) replace(err error, text string) string {
	if whole, own := err.Error(), e.Error(); whole != own {
		text = strings.Replace(whole, own, text, 1)
	}
	return codec.ValidText(text)
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
