package servicetest

import (
	"context"
	"fmt"
	"maps"
	"reflect"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/signature"
)

// Run runs one call of a row's method as its entrypoint would: on a copy of the service with its dependencies, through the
// middleware; and returns what they come to, as they returned it. No broker is asked, no matter what kind of entrypoint it is,
// and the row need not be started: a timer that Only leaves out is fired like this.
//
// args are what the entrypoint hands to the method after ctx: values of the types it gives by itself (such as an event), then the
// arguments of the signature, a [rpc.Kwargs] at the end being keywords. Those that have the parameter's
// type arrive as they are, others by way of JSON. What [service.Key] has put into ctx is the call's context data. Without
// a deadline in ctx it ends after 30 seconds.
//
// The error is that of [service.Row.Run], or that there is no such row.
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
	return r.Run(ctx, service.Request{
		Data:      maps.Collect(service.Data(ctx)),
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
			return given, fmt.Errorf("rpc.Kwargs%v: names and values are to take turns", keywords)
		}
		given.Keyword = append(given.Keyword, signature.Named{Name: name, Value: argument{keywords[i+1]}})
	}
	return given, nil
}

// An argument is a Go value on its way to a parameter.
type argument struct{ value any }

func (a argument) Decode(to any) error {
	v, dst := reflect.ValueOf(a.value), reflect.ValueOf(to).Elem()
	if v.IsValid() && v.Type().AssignableTo(dst.Type()) {
		dst.Set(v)
		return nil
	}
	data, err := codec.JSON.Encode(a.value)
	if err != nil {
		return err
	}
	return codec.JSON.Decode(data, to)
}
