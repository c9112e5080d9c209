package isolate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/internal/clip"
	"github.com/gomeko/gomeko/rpc/rpcerror"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/signature"
)

// A failure is the error of a method on its way to the parent. It carries everything that the
// parent and its entrypoints need to know about the error.
type failure struct {
	Text     string            `json:"text"`
	Kind     string            `json:"kind,omitempty"` // one of the constants below; "" for other errors
	Stack    string            `json:"stack,omitempty"`
	Faults   []signature.Fault `json:"faults,omitempty"` // of a ValidationError
	Is       []string          `json:"is,omitempty"`     // names of the sentinels that the error matches
	Expected bool              `json:"expected,omitempty"`
	Retry    bool              `json:"retry,omitempty"` // the call is retried although the error is expected
	Status   int               `json:"status,omitempty"`

	Asked  bool           `json:"asked,omitempty"` // the method asked for the action, by RetryAfter, Park or Drop
	Action service.Action `json:"action,omitempty"`
	After  time.Duration  `json:"after,omitempty"`

	RPC    json.RawMessage `json:"rpc,omitempty"`    // the rpc.Error that the error wraps
	Remote bool            `json:"remote,omitempty"` // the rpc.Error came from another service
	Origin string          `json:"origin,omitempty"`
}

const (
	panicKind    = "panic"
	misfitKind   = "misfit"   // a *signature.Error
	rejectedKind = "rejected" // the arguments break constraints
)

// sentinels are the errors that the parent recognizes, by their names on the wire.
var sentinels = map[string]error{
	"timeout": service.ErrTimeout, "stopped": service.ErrStopped, "exited": service.ErrExited,
	"canceled": context.Canceled, "deadline": context.DeadlineExceeded,
}

// failureOf converts err for sending. It runs code of the service: the methods of err.
func failureOf(err error) (f *failure) {
	defer func() {
		if p := recover(); p != nil {
			f = &failure{Text: fmt.Sprintf("%T, whose methods panic: %v", err, p)}
		}
	}()
	f = &failure{Text: codec.ValidText(clip.Text(err.Error(), clip.Wire)), Expected: service.Expected(err)}
	var (
		panicked *service.PanicError
		misfit   *signature.Error
		invalid  *service.ValidationError
		typed    *rpcerror.Error
		chosen   interface{ HTTPStatus() int }
	)
	switch {
	case errors.As(err, &panicked):
		f.Kind, f.Stack = panicKind, string(panicked.Stack)
		f.Text = codec.ValidText(clip.Text(fmt.Sprint(panicked.Value), clip.Wire))
		return f
	case errors.As(err, &misfit):
		f.Kind, f.Text = misfitKind, misfit.Text
		return f
	case errors.As(err, &invalid):
		f.Faults = invalid.Faults
		if service.RejectedArguments(err) {
			f.Kind = rejectedKind
			return f
		}
	}
	for name, sentinel := range sentinels {
		if errors.Is(err, sentinel) {
			f.Is = append(f.Is, name)
		}
	}
	if errors.As(err, &chosen) {
		f.Status = chosen.HTTPStatus()
	}
	if errors.As(err, &typed) {
		f.setRPC(typed)
	}
	verdict := service.VerdictOf(err)
	f.Asked, f.Action, f.After = verdict.Asked, verdict.Action, verdict.After
	f.Retry = !verdict.Asked && verdict.Action == service.Retry && f.Expected
	return f
}

// setRPC sets the fields from which the parent restores the rpc.Error.
func (f *failure) setRPC(typed *rpcerror.Error) {
	sent := rpcerror.Original(typed)
	if f.Remote = typed.Remote(); f.Remote {
		sent = rpcerror.From(typed)
		f.Origin = sent.Header()
	}
	f.RPC, _ = codec.JSON.Encode(sent) // it does not fail: the error's arguments are strings
	if f.Status == 0 {
		f.Status = typed.HTTPStatus()
	}
}

// error returns the error of a call whose method failed in the child.
func (f *failure) error(call *service.IsolatedCall) error {
	switch f.Kind {
	case panicKind:
		return &service.PanicError{Value: f.Text, Stack: []byte(f.Stack)}
	case misfitKind:
		return &signature.Error{Text: f.Text}
	case rejectedKind:
		return call.Rejected(&service.ValidationError{Faults: f.Faults})
	}
	e := &carried{failure: f}
	if len(f.Faults) > 0 {
		e.within = append(e.within, &service.ValidationError{Faults: f.Faults})
	}
	if typed := f.rpcError(); typed != nil {
		e.within = append(e.within, typed)
	}
	switch {
	case !f.Asked:
		return e
	case f.Action == service.Parked:
		return service.Park(e)
	case f.Action == service.Dropped:
		return service.Drop(e)
	}
	return service.RetryAfter(f.After, e)
}

// rpcError returns the rpc.Error, or nil if there is none.
func (f *failure) rpcError() *rpcerror.Error {
	if len(f.RPC) == 0 {
		return nil
	}
	if f.Remote {
		e, err := rpcerror.Decode(codec.JSON, f.RPC, nil)
		if err != nil || e == nil {
			return nil
		}
		e.Resolve(f.Origin)
		return e
	}
	e := new(rpcerror.Error)
	if codec.JSON.Decode(f.RPC, e) != nil {
		return nil
	}
	return e.WithStatus(f.Status)
}

// A carried is an error from another process.
type carried struct {
	*failure
	within []error
}

func (e *carried) Error() string   { return e.Text }
func (e *carried) Unwrap() []error { return e.within }

// Expected reports whether the error was expected in its process.
func (e *carried) Expected() bool { return e.failure.Expected }

// Remote reports whether the error is retried although it is expected.
func (e *carried) Remote() bool { return e.Retry }

// HTTPStatus returns the status that the error has chosen, or 0 if it has not.
func (e *carried) HTTPStatus() int { return e.Status }

// Is reports whether the error matched the sentinel in its process.
func (e *carried) Is(target error) bool {
	for _, name := range e.failure.Is {
		if sentinels[name] == target {
			return true
		}
	}
	return false
}
