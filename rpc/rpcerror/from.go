package rpcerror

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/internal/clip"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/signature"
)

// From returns err, the error of a call, as it is sent: the result of [Original], or a RemoteError,
// as from Nameko, if err came from another service. Its Header carries what callers in Go need in
// addition.
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
//   - gomeko.ValidationError for a service.ValidationError, with its faults in Args
//   - [ErrTimeout] for service.ErrTimeout
//   - builtins.RuntimeError for a panic
//   - builtins.Exception, with the text of err, for any other error
//
// The result has the HTTP status of err, if err has one. Texts are cut after 64 KiB, and type names
// after 255 bytes.
func Original(err error) *Error {
	var (
		mismatch *signature.Error
		panicked *service.PanicError
		invalid  *service.ValidationError
		ended    *service.ProcessError
		typed    *Error
		own      *Error
	)
	switch {
	case errors.As(err, &mismatch):
		return ErrIncorrectSignature.WithText(clip.Text(mismatch.Text, clip.Wire))
	case errors.As(err, &panicked):
		return New("builtins.RuntimeError", wireText(err.Error()))
	case errors.As(err, &typed):
		own = &Error{Type: wireName(typed.Type), Path: wireName(typed.Path), Args: stringify(typed.Args), remote: typed.remote}
		own.Value = typed.replace(err, typed.Value)
		if err.Error() != typed.Error() {
			own.Args = slices.Concat([]any{own.Value}, own.faults())
		}
	case errors.As(err, &invalid):
		own = newInvalid(err.Error(), invalid)
	case errors.As(err, &ended):
		own = ErrProcessEnded.WithText(wireText(err.Error()))
	case errors.Is(err, service.ErrTimeout):
		return ErrTimeout.WithText(clip.Text(err.Error(), clip.Wire))
	default:
		own = New("builtins.Exception", wireText(err.Error()))
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
	return wireText(text)
}

// wireName returns the name of a type as it is sent.
func wireName(name string) string { return codec.ValidText(clip.Text(name, clip.Name)) }

// wireText returns text as it is sent: in UTF-8, and cut.
func wireText(text string) string { return codec.ValidText(clip.Text(text, clip.Wire)) }

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
		return wireText(v)
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
		return wireText(fmt.Sprint(v))
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
			out[wireText(fmt.Sprint(key.Interface()))] = stringified(value.Interface())
		}
		return out
	}
	return wireText(fmt.Sprint(v))
}
