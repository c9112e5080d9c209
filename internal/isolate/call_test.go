//go:build unix

package isolate_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/rpc/rpcerror"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/signature"
)

// The memory limit of the row ends a method that keeps allocating.
func TestMemory(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux says how much memory another process has")
	}
	l := start(t)
	_, err := press[int](t.Context(), l, "Allocate")
	var end *service.ProcessError
	if !errors.As(err, &end) || end.Reason != service.ProcessOutOfMemory || !strings.HasSuffix(end.Detail, `and the row has memory:"128MiB"`) {
		t.Errorf("got %v, want out of memory", err)
	}
}

// A method in a child sees the same values of its call as in the service's process.
func TestContext(t *testing.T) {
	t.Parallel()
	l := start(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	v, err := l.rows["Ask"].Run(ctx, service.Request{ID: "7", Parents: []string{"a", "b"}, Attempt: 3, Data: map[string]any{"tenant": "acme", "number": int32(5)}})
	if err != nil {
		t.Fatal(err)
	}
	data, err := codec.TypedJSON.Encode(v)
	if err != nil {
		t.Fatal(err)
	}
	var got Answer
	if err := codec.TypedJSON.Decode(data, &got); err != nil {
		t.Fatal(err)
	}
	if got.PID == os.Getpid() {
		t.Error("the method ran in this process")
	}
	want := Answer{"lab.ask.7", l.Host().Instance(), "acme", 5, []string{"a", "b"}, 3, true, got.PID}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// Arguments are matched and decoded in the child, with the same errors as for any other call.
func TestArguments(t *testing.T) {
	t.Parallel()
	l := start(t)
	if got, err := press[int](t.Context(), l, "Sum", 1, 2, 3, 4); got != 10 || err != nil {
		t.Errorf("got %d, %v", got, err)
	}
	if got, err := press[int](t.Context(), l, "Sum", 1); got != 3 || err != nil {
		t.Errorf("with a default: got %d, %v", got, err)
	}
	var misfit *signature.Error
	for _, args := range [][]any{{}, {"text"}} {
		if _, err := press[int](t.Context(), l, "Sum", args...); !errors.As(err, &misfit) {
			t.Errorf("%v: got %v, want a misfit", args, err)
		}
	}
	large := strings.Repeat("x", 8<<20)
	if got, err := press[string](t.Context(), l, "Echo", large); got != large || err != nil {
		t.Errorf("8 MiB: got %d bytes, %v", len(got), err)
	}
}

// Errors of a method look the same to their receivers.
func TestErrors(t *testing.T) {
	t.Parallel()
	l := start(t)
	for _, test := range []struct {
		how, text, sent string
		expected        bool
		status          int
		verdict         service.Verdict
	}{
		{"plain", "plain", "builtins.Exception: plain", false, 0, service.Verdict{}},
		{"declared", "in it: Declared: this is declared", "lab.Declared: in it: this is declared", true, 404, service.Verdict{Action: service.Parked}},
		{"panic", "panic: a panic", "builtins.RuntimeError: panic: a panic", false, 0, service.Verdict{}},
		{"later", "later", "builtins.Exception: later", false, 0, service.Verdict{Asked: true, After: time.Minute}},
		{"park", "Declared: parked is declared", "lab.Declared: parked is declared", true, 404, service.Verdict{Asked: true, Action: service.Parked}},
		{"result", "result cannot be sent: cannot encode as JSON: chan int is not data", "builtins.Exception: result cannot be sent: cannot encode as JSON: chan int is not data", false, 0, service.Verdict{}},
	} {
		_, err := press[any](t.Context(), l, "Fail", test.how)
		if err == nil || err.Error() != test.text {
			t.Errorf("%s: got %v, want %s", test.how, err, test.text)
			continue
		}
		if got := service.VerdictOf(err); got != test.verdict || service.Expected(err) != test.expected {
			t.Errorf("%s: got %+v, expected %t", test.how, got, service.Expected(err))
		}
		sent := rpcerror.From(err)
		if got := sent.Path + ": " + sent.Value; got != test.sent || sent.HTTPStatus() != test.status {
			t.Errorf("%s: callers receive %s with %d, want %s with %d", test.how, got, sent.HTTPStatus(), test.sent, test.status)
		}
	}
	_, err := press[any](t.Context(), l, "Fail", "panic")
	if panicked := (*service.PanicError)(nil); !errors.As(err, &panicked) || !strings.Contains(string(panicked.Stack), "Lab).Fail") {
		t.Errorf("got no stack of the panic: %v", err)
	}
	if v, err := press[any](t.Context(), l, "Fail", "no"); v != nil || err != nil {
		t.Errorf("got %v, %v", v, err)
	}
}

// The output of a method is logged, and does not affect its result. Its log lines name the call.
func TestOutput(t *testing.T) {
	t.Parallel()
	l := start(t)
	if got, err := press[string](t.Context(), l, "Print"); len(got) != 1<<20 || err != nil {
		t.Errorf("got %d bytes, %v", len(got), err)
	}
	for _, line := range []string{"to stdout", "to stderr"} {
		l.log.Wait(t, 1, "output of an isolated process", "line=\""+line+"\"")
	}
	l.log.Wait(t, 1, "level=WARN", `msg="a record"`, "a=1", "g.err=e", "g.d=1s", `g.list="[1 2]"`, "call_id=lab.print_.1")
	if lines := l.log.Lines("not logged"); len(lines) > 0 {
		t.Errorf("a line below the level was logged: %s", lines)
	}
	if err := l.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	l.log.Wait(t, 1, "output of an isolated process", "line=\"panic: not really\"")
}

// Notes of a method reach the entrypoint.
func TestNote(t *testing.T) {
	t.Parallel()
	l := start(t)
	var noted string
	if _, err := l.rows["Tell"].Run(t.Context(), service.Request{Noted: func(data []byte) { noted = string(data) }}); err != nil {
		t.Fatal(err)
	}
	if noted != "half of it" {
		t.Errorf("got %q", noted)
	}
}

// Many concurrent calls each get their own result.
func TestConcurrency(t *testing.T) {
	t.Parallel()
	l := start(t)
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			for j := range 20 {
				want := fmt.Sprintf("%d/%d", i, j)
				if got, err := press[string](t.Context(), l, "Echo", want); got != want || err != nil {
					t.Errorf("got %q, %v, want %q", got, err, want)
				}
			}
		})
	}
	all.Wait()
}
