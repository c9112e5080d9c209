package rpc_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"time"

	"github.com/google/uuid"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
)

// Echo is the service, in Go, from which the vectors were captured.
type Echo struct {
	_ service.Name `service:"vec_echo"`

	Entrypoints struct {
		NoArgs         rpc.Method `rpc:"noargs"`
		Sig            rpc.Method `rpc:"sig(a, b, c=3)"`
		VarArgs        rpc.Method `rpc:"varargs(*args, **kwargs)"`
		KwOnly         rpc.Method `rpc:"kwonly(a, *, b=2)"`
		KwOnlyRequired rpc.Method `rpc:"kwonly_required(a, *, b)"`
		Echo           rpc.Method `rpc:"echo(value=None)"`
		Ret            rpc.Method `rpc:"ret(name)"`
		Fail           rpc.Method `rpc:"fail(name)"`
		FailExpected   rpc.Method `rpc:"fail_expected(name)" method:"Fail"`
		RaiseFramework rpc.Method `rpc:"raise_framework(name)" method:"Fail"`
		CtxData        rpc.Method `rpc:"ctxdata()"`
	}

	Ran chan any // receives the argument of echo; may be nil
}

func (*Echo) NoArgs(context.Context) (string, error) { return "noargs", nil }

func (*Echo) Sig(_ context.Context, a, b, c any) ([]any, error) { return []any{a, b, c}, nil }

func (*Echo) VarArgs(_ context.Context, args []any, kwargs map[string]any) (any, error) {
	if args == nil {
		args = []any{}
	}
	return map[string]any{"args": args, "kwargs": kwargs}, nil
}

func (*Echo) KwOnly(_ context.Context, a, b any) ([]any, error) { return []any{a, b}, nil }

func (*Echo) KwOnlyRequired(_ context.Context, a, b any) ([]any, error) { return []any{a, b}, nil }

func (e *Echo) Echo(_ context.Context, value any) (any, error) {
	if e.Ran != nil {
		e.Ran <- value
	}
	return value, nil
}

func (*Echo) Ret(_ context.Context, name string) (any, error) {
	if result, ok := results[name]; ok {
		return result, nil
	}
	return nil, fmt.Errorf("no result is called %q", name)
}

// results are what ret returns.
var results = map[string]any{
	"none": nil, "true": true, "false": false,
	"zero": 0, "int": 42, "negative": -7, "int63": int64(1<<63 - 1),
	"int64": new(big.Int).Lsh(big.NewInt(1), 64), "bigint": json.Number("1000000000000000000000000000000"),
	"float": 1.5, "float_whole": 2.0, "float_exp": 1e300, "float_small": 1e-07,
	"empty_str": "", "str": "hello", "unicode": "héllo 世界 🚀",
	"control_chars": "tab\tnl\nquote\"back\\slash/ nul\x00 del\x7f", "html_chars": "<a href='x'>&amp;</a>",
	"empty_list": []int{}, "list": []any{1, "two", nil, true, 3.5}, "tuple": [2]int{1, 2},
	"empty_dict": struct{}{}, "dict": map[string]any{"a": 1, "b": map[string]any{"c": []any{1, map[string]any{"d": nil}}}},
	"int_keys": map[int]string{1: "one", 2: "two"}, "none_key": map[any]string{nil: "x", true: "y"},
	"bytes": []byte("\x00\xffraw"), "object": make(chan int),
	"nan": math.NaN(), "inf": math.Inf(1), "neg_inf": math.Inf(-1),
	"datetime_naive": time.Date(2024, 1, 2, 3, 4, 5, 678901000, codec.Naive), "datetime_utc": time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC),
	"date": codec.Date{Year: 2024, Month: 1, Day: 2}, "time": codec.TimeOfDay{Hour: 3, Minute: 4, Second: 5},
	"decimal": codec.Decimal("12.340"), "uuid": uuid.MustParse("12345678-1234-5678-1234-567812345678"),
}

func (*Echo) Fail(_ context.Context, name string) (any, error) {
	if err, ok := failures[name]; ok {
		return nil, err
	}
	return nil, &rpc.Error{Type: name, Path: "nameko.exceptions." + name, Args: []any{"from user code"}, Value: "from user code"}
}

// failures are the errors of fail.
var failures = map[string]error{
	"value_error": rpc.NewError("builtins.ValueError", "bad value"),
	"no_args":     &rpc.Error{Type: "ValueError", Path: "builtins.ValueError"},
	"int_arg":     &rpc.Error{Type: "ValueError", Path: "builtins.ValueError", Args: []any{42}, Value: "42"},
	"none_arg":    &rpc.Error{Type: "ValueError", Path: "builtins.ValueError", Args: []any{nil}, Value: "None"},
	"multi": &rpc.Error{
		Type: "ValueError", Path: "builtins.ValueError",
		Args:  []any{"one", 2, 3.5, true, nil, map[string]int{"k": 1}, []any{1, "x"}, []byte("ab"), opaque{}},
		Value: "('one', 2, 3.5, True, None, {'k': 1}, [1, 'x'], b'ab', <Opaque thing>)",
	},
	"unicode":   rpc.NewError("builtins.ValueError", "héllo 🚀"),
	"key_error": &rpc.Error{Type: "KeyError", Path: "builtins.KeyError", Args: []any{"missing"}, Value: "'missing'"},
	"custom":    rpc.NewError("vec_services.CustomError", "custom message"),
	"nested":    rpc.NewError("vec_services.NestedError", "nested message"),
	"with_str":  &rpc.Error{Type: "ErrWithStr", Path: "vec_services.ErrWithStr", Args: []any{12, "boom"}, Value: "code=12 detail=boom"},
	"bad_str":   &rpc.Error{Type: "BadStr", Path: "vec_services.BadStr", Args: []any{"x"}, Value: "[__unicode__ failed]"},
	"os_error": &rpc.Error{
		Type: "FileNotFoundError", Path: "builtins.FileNotFoundError",
		Args: []any{2, "No such file or directory"}, Value: "[Errno 2] No such file or directory: 'thing.txt'",
	},
	"stop_iteration": rpc.NewError("builtins.StopIteration", "s"),
	"UnknownService": &rpc.Error{
		Type: "UnknownService", Path: "nameko.exceptions.UnknownService",
		Args: []any{"from user code"}, Value: "Unknown service `from user code`",
	},
	"RemoteError": rpc.NewError("nameko.exceptions.RemoteError", "from user code "),
	"UnserializableValueError": &rpc.Error{
		Type: "UnserializableValueError", Path: "nameko.exceptions.UnserializableValueError",
		Value: "Unserializable value: `'from user code'`",
	},
	"zero_division": rpc.NewError("builtins.ZeroDivisionError", "division by zero"),
	"expected":      rpc.NewError("vec_services.ExpectedError", "expected message"),
}

type opaque struct{}

func (opaque) String() string { return "<Opaque thing>" }

// CtxData returns what the call knows of itself, in Python's repr where the vectors have that.
func (*Echo) CtxData(ctx context.Context) (any, error) {
	call := service.FromContext(ctx)
	data := map[string]string{}
	for key, value := range call.Data {
		data[key] = pythonRepr(value)
	}
	var origin, parent any
	if n := len(call.Parents); n > 0 {
		origin, parent = call.Parents[0], call.Parents[n-1]
	}
	return map[string]any{
		"data": data, "call_id": call.ID, "call_id_stack": call.Stack(),
		"origin_call_id": origin, "immediate_parent_call_id": parent,
	}, nil
}
