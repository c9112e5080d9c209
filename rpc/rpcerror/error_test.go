package rpcerror_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/codec/msgpack"
	"github.com/gomeko/gomeko/rpc/rpcerror"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/signature"
)

// received returns err as received by a caller in another process.
func received(t *testing.T, err error) *rpcerror.Error {
	t.Helper()
	sent := rpcerror.From(err)
	data, encodeErr := codec.JSON.Encode(sent)
	e, decodeErr := rpcerror.Decode(codec.JSON, data, nil)
	if encodeErr != nil || decodeErr != nil || e == nil {
		t.Fatalf("%v: got %v, %v, %v", err, e, encodeErr, decodeErr)
	}
	e.Resolve(sent.Header())
	return e
}

func TestFrom(t *testing.T) {
	own := rpcerror.New("a.Own", "text")
	args := &rpcerror.Error{Type: "Own", Path: "a.Own", Value: "v", Args: []any{
		nil, true, 2, 2.0, "x\xff", []int{1}, map[int]any{1: nil}, errors.New("e"), codec.Date{Year: 2024, Month: 1, Day: 2},
	}}
	for _, test := range []struct {
		err  error
		want string // path, args, value
	}{
		{own, "a.Own [text] text"},
		{fmt.Errorf("in x: %w", own), "a.Own [in x: text] in x: text"},
		{args, "a.Own [None True 2 2.0 x\uFFFD [1] map[1:None] e 2024-01-02] v"},
		{errors.New("plain"), "builtins.Exception [plain] plain"},
		{errors.New("\xff"), "builtins.Exception [\uFFFD] \uFFFD"},
		{fmt.Errorf("x: %w", &signature.Error{Text: "no such argument"}), "nameko.exceptions.IncorrectSignature [no such argument] no such argument"},
		{&service.PanicError{Value: own}, "builtins.RuntimeError [panic: Own: text] panic: Own: text"},
		{service.ErrTimeout, "builtins.TimeoutError [call timed out] call timed out"},
		{received(t, own), "nameko.exceptions.RemoteError [Own text] Own text"},
		{fmt.Errorf("in x: %w", received(t, own)), "nameko.exceptions.RemoteError [in x: Own text] in x: Own text"},
		{received(t, rpcerror.ErrMethodNotFound.WithText("m")), "nameko.exceptions.MethodNotFound [m] m"},
	} {
		e := rpcerror.From(test.err)
		if got := fmt.Sprint(e.Path, " ", e.Args, " ", e.Value); got != test.want {
			t.Errorf("%v: got %s, want %s", test.err, got, test.want)
		}
	}
}

func TestIs(t *testing.T) {
	remote := received(t, rpcerror.ErrTimeout)
	cause := errors.New("cause")
	for _, test := range []struct {
		err, target error
		want        bool
	}{
		{rpcerror.New("a.B", "x"), rpcerror.New("a.B", "y"), true},
		{rpcerror.New("a.B", "x"), rpcerror.New("b.B", "x"), false},
		{rpcerror.New("", "x"), rpcerror.New("", "x"), false},
		{remote, rpcerror.ErrTimeout, true},
		{remote, rpcerror.ErrWorkerTimeout, true},
		{rpcerror.ErrTimeout, rpcerror.ErrWorkerTimeout, false},
		{rpcerror.ErrWorkerTimeout, rpcerror.ErrTimeout, true},
		{rpcerror.ErrNoConsumers, rpcerror.ErrTimeout, true},
		{rpcerror.ErrNoConsumers, rpcerror.ErrWorkerTimeout, false},
		{rpcerror.NewTimeout("x", cause), cause, true},
		{rpcerror.NewTimeout("x", cause), context.DeadlineExceeded, true},
		{rpcerror.NewTimeout("x", nil), rpcerror.ErrWorkerTimeout, false},
	} {
		if got := errors.Is(test.err, test.target); got != test.want {
			t.Errorf("%v is %v: got %t, want %t", test.err, test.target, got, test.want)
		}
	}
	if !remote.Remote() || rpcerror.ErrTimeout.Remote() {
		t.Error("got another answer of Remote")
	}
}

// An error that a service declares is expected, also by its callers. A mistake of the calling
// service is not, and neither is an error that another service did not declare.
func TestExpected(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		err  *rpcerror.Error
		want bool
	}{
		{rpcerror.New("a.Own", "x"), true},
		{rpcerror.New("builtins.ValueError", "x"), true},
		{rpcerror.ErrMethodNotFound, true},
		{received(t, rpcerror.New("a.Own", "x")), true},
		{received(t, rpcerror.New("builtins.ValueError", "x")), false},
		{received(t, rpcerror.New("nameko.exceptions.RemoteError", "x")), false},
		{received(t, rpcerror.ErrMethodNotFound), false},
		{received(t, rpcerror.ErrIncorrectSignature), false},
		{received(t, rpcerror.ErrMalformedRequest), false},
		{received(t, rpcerror.ErrTimeout), false},
		{rpcerror.NewTimeout("x", nil), false},
		{rpcerror.ErrUnknownService.WithText("x"), false},
	} {
		if got := service.Expected(fmt.Errorf("wrapped: %w", test.err)); got != test.want {
			t.Errorf("%v, remote %t: got %t, want %t", test.err, test.err.Remote(), got, test.want)
		}
	}
}

func TestDecode(t *testing.T) {
	for data, want := range map[string]string{
		`null`:                      "<nil> <nil>",
		`{}`:                        "<nil> <nil>",
		`{"exc_type": "Odd"}`:       "Odd <nil>",
		`{"odd": 1}`:                "error without type and text <nil>",
		`{"value": "v"}`:            "v <nil>",
		`5`:                         "<nil> a number does not fit rpcerror.Error",
		`{"exc_type": 5}`:           "<nil> exc_type: a number does not fit string",
		`{"exc_args": [1, {}, "a"]`: "<nil> not valid JSON: it ends before the value does",
	} {
		e, err := rpcerror.Decode(codec.JSON, []byte(data), nil)
		got := fmt.Sprint("<nil> ", err)
		if e != nil {
			got = fmt.Sprint(e, " ", err)
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", data, got, want)
		}
	}
	data, err := msgpack.Codec.Encode(rpcerror.New("a.B", "x"))
	if err != nil {
		t.Fatal(err)
	}
	if e, err := rpcerror.Decode(msgpack.Codec, data, nil); err != nil || e.Path != "a.B" || e.Value != "x" {
		t.Errorf("got %v, %v", e, err)
	}
}

func TestNewUnserializable(t *testing.T) {
	e := rpcerror.NewUnserializable(5, nil)
	if e.Value != "Unserializable value: `int`" || len(e.Args) != 0 || e.Args == nil || e.Type != "UnserializableValueError" {
		t.Errorf("got %+v", e)
	}
}

// An error keeps its identity, status, arguments and text over any number of hops, and its text
// does not grow. From the second hop on, its form for Nameko is a RemoteError.
func TestHops(t *testing.T) {
	t.Parallel()
	declared := rpcerror.New("users.NotFound", "user %d not found").WithStatus(404)
	long := declared.With(strings.Repeat("x", 20<<10))
	for _, test := range []struct {
		err        error
		text, args string
	}{
		{declared.With(3), "NotFound: user 3 not found", "[3]"},
		{fmt.Errorf("in x: %w", declared.With(3)), "NotFound: in x: user 3 not found", "[in x: user 3 not found]"},
		{rpcerror.New("users.NotFound", "not found").WithStatus(404).With("a", 1), "NotFound: not found: a 1", "[a 1]"},
		{long, long.Error(), fmt.Sprint(long.Args)},
	} {
		err := received(t, test.err)
		for hop := range 3 {
			if err.Error() != test.text || !errors.Is(err, declared) || err.HTTPStatus() != 404 || !service.Expected(err) || !err.Remote() {
				t.Errorf("hop %d: got %.100v with status %d, want %.100s", hop, err, err.HTTPStatus(), test.text)
			}
			if got := fmt.Sprint(err.Args); got != test.args && (test.err != error(long) || hop == 0) { // a long header has no arguments
				t.Errorf("hop %d: got the arguments %.100s, want %.100s", hop, got, test.args)
			}
			if sent := rpcerror.From(err); sent.Path != "nameko.exceptions.RemoteError" || len(sent.Header()) > 9000 {
				t.Errorf("hop %d: got %.100v and a header of %d bytes", hop, sent, len(sent.Header()))
			}
			err = received(t, err)
		}
	}
	for _, header := range []any{nil, 5, "", "[]", `{"status": 200}`, `{"exc_path": "a.B"}`, `{"status": "x"}`} {
		e := received(t, rpcerror.New("a.Own", "x"))
		e.Resolve(header)
		if e.Path != "a.Own" || e.HTTPStatus() != 0 {
			t.Errorf("%v: got %+v", header, e)
		}
	}
}
