package servicetest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/internal/headers"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/signature"
)

// Run calls a row's method as its entrypoint would: on a copy of the service with its dependencies,
// and through the middleware. It returns their result and error. It works for rows of any type,
// without the broker, even for rows that are not started: use it to trigger a timer that Only
// leaves out.
//
// args are the method's arguments after ctx. First come the values that the entrypoint passes, such
// as an events.Event, then the arguments of the signature. A [rpc.Kwargs] at the end has keyword
// arguments. An argument that has the parameter's type is passed unchanged, others are converted
// through JSON. Context data that was set in ctx with a [service.Key] becomes that of the call. If
// ctx has no deadline, the call is limited to 30 seconds.
//
// The error is that of [service.Row.Run], or says that there is no such row.
func (h *Host) Run(ctx context.Context, row string, args ...any) (any, error) {
	r, err := h.row(row)
	if err != nil {
		return nil, err
	}
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	leading := min(len(r.Leading()), len(args))
	given, err := arguments(args[leading:])
	if err != nil {
		return nil, err
	}
	data := maps.Collect(service.Data(ctx))
	permit, _ := data[headers.GrantData].(string)
	delete(data, headers.GrantData)
	return r.Run(ctx, service.Request{
		Data:      data,
		Grant:     permit,
		Leading:   args[:leading],
		Arguments: given,
	})
}

func arguments(args []any) (given signature.Arguments, err error) {
	var keywords rpc.Kwargs
	if last := len(args) - 1; last >= 0 {
		if k, ok := args[last].(rpc.Kwargs); ok {
			args, keywords = args[:last], k
		}
	}
	for _, v := range args {
		given.Positional = append(given.Positional, argument{v})
	}
	for i := 0; i < len(keywords); i += 2 {
		name, ok := keywords[i].(string)
		if !ok || i+1 == len(keywords) {
			return given, fmt.Errorf("rpc.Kwargs%v: must be pairs of a name and a value", keywords)
		}
		given.Keyword = append(given.Keyword, signature.Named{Name: name, Value: argument{keywords[i+1]}})
	}
	return given, nil
}

// An argument is a Go value that is passed to a parameter.
type argument struct{ value any }

func (a argument) Decode(to any) error { return a.decode(to, codec.JSON.Decode) }

// DecodeStrict implements [signature.StrictValue].
func (a argument) DecodeStrict(to any) error {
	return a.decode(to, func(data []byte, v any) error { return codec.DecodeStrict(codec.JSON, data, v) })
}

// DecodeChecked implements [signature.CheckedValue]. A value that is passed unchanged is checked in
// the form that it has in JSON, if it can be encoded: without what omitempty leaves out.
func (a argument) DecodeChecked(to any, lenient bool) error {
	if err := a.decode(to, func(data []byte, v any) error { return codec.DecodeChecked(codec.JSON, data, v, lenient) }); err != nil {
		return err
	}
	var invalid *service.ValidationError
	data, err := codec.JSON.Encode(a.value)
	if err == nil && errors.As(codec.DecodeChecked(codec.JSON, data, reflect.New(reflect.TypeOf(to).Elem()).Interface(), true), &invalid) {
		return invalid
	}
	return nil
}

// Stream implements [signature.StreamValue]: an iterator is passed on.
func (a argument) Stream(_ context.Context, t reflect.Type) (seq reflect.Value, ok bool) {
	v := reflect.ValueOf(a.value)
	return v, v.IsValid() && v.Type().AssignableTo(t)
}

func (a argument) decode(to any, decode func(data []byte, v any) error) error {
	v, dst := reflect.ValueOf(a.value), reflect.ValueOf(to).Elem()
	if v.IsValid() && v.Type().AssignableTo(dst.Type()) {
		dst.Set(v)
		return nil
	}
	data, err := codec.JSON.Encode(a.value)
	if err != nil {
		return err
	}
	return decode(data, to)
}
