package interop_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/rpc"
)

// A difference from Nameko is on purpose: why, and how that begins which comes of it instead. The
// zero one is none.
type difference struct{ why, want string }

// A row is one call, of the peer unless a service is named.
type row struct {
	name string
	call
	served difference // where Python calls Go, from what Python tells Python
	called difference // where Go calls Python
}

// peers is a path over the peers by turns, the one that is called first aside; its names are those
// of each direction.
func peers(n int) []string { return []string{"other", "same", "other", "same"}[:n] }

// calls are the rows of docs/wire/nameko.md, Errors, that a client can cause, and calls that
// succeed.
var calls = []row{
	{name: "by position", call: call{Method: "sig", Args: list(1, 5)}},
	{name: "by name", call: call{Method: "sig", Kwargs: dict{"c": 6, "b": 5, "a": 1}}},
	{name: "by position and name", call: call{Method: "sig", Args: list(1, 5), Kwargs: dict{"c": 6}}},
	{name: "defaults", call: call{Method: "sig", Args: list(1)}},
	{name: "no result", call: call{Method: "nothing"}},
	{name: "services call each other", call: call{Method: "relay", Args: list(peers(3), "hello", list("Jülio ☃ 日本 🎉"))}},

	{name: "unknown service", call: call{Service: "nobody", Method: "hello"}},
	{name: "unknown service, of the callee", call: call{Method: "relay", Args: list([]string{"nobody"}, "hello", list())}},
	{name: "method with a dot", call: call{Service: "python_peer", Method: "a.b"}},
	{name: "nobody consumes", call: call{Service: "idle", Method: "hello", Timeout: 0.2}, called: difference{
		"ErrNoConsumers, at the limit that every call has; Nameko waits for ever, and a script's timeout does not say what for",
		"builtins.TimeoutError: idle.hello: "}},
	{name: "unknown method", call: call{Method: "nope"}},
	{name: "method without @rpc", call: call{Method: "hidden"}},

	{name: "too many arguments", call: call{Method: "sig", Args: list(1, 2, 3)}},
	{name: "too many for none", call: call{Method: "nothing", Args: list(1)}},
	{name: "one is missing", call: call{Method: "sig"}},
	{name: "two are missing", call: call{Method: "pair"}},
	{name: "unknown name", call: call{Method: "sig", Args: list(1), Kwargs: dict{"d": 4}}},
	{name: "given twice", call: call{Method: "sig", Args: list(1), Kwargs: dict{"a": 4}}},
	{name: "keyword-only is missing", call: call{Method: "keyword", Args: list(1)}},
	{name: "keyword-only by position", call: call{Method: "keyword", Args: list(1, 2)}},

	{name: "exception", call: call{Method: "fail", Args: list("text")}},
	{name: "exception without arguments", call: call{Method: "fail", Args: list("no arguments")}},
	{name: "exception of a number", call: call{Method: "fail", Args: list("number")}},
	{name: "exception of None", call: call{Method: "fail", Args: list("None")}},
	{name: "exception of several", call: call{Method: "fail", Args: list("several")}},
	{name: "exception in unicode", call: call{Method: "fail", Args: list("unicode")}},
	{name: "KeyError", call: call{Method: "fail", Args: list("KeyError")}},
	{name: "OSError", call: call{Method: "fail", Args: list("OSError")}},
	{name: "class within a class", call: call{Method: "fail", Args: list("nested")}},
	{name: "text of the class's own", call: call{Method: "fail", Args: list("coded")}},
	{name: "text that fails", call: call{Method: "fail", Args: list("mute")}},
	{name: "expected exception", call: call{Method: "find", Args: list(7)}},
	{name: "exception with a cause", call: call{Method: "caused"}},
	{name: "Exception, error", call: call{Method: "fail", Args: list("fault")}},
	{name: "RuntimeError, panic", call: call{Method: "fail", Args: list("panic")}, served: difference{
		"a panic says that it is one", "RemoteError: RuntimeError panic: it broke"}},
	{name: "MethodNotFound raised", call: call{Method: "fail", Args: list("MethodNotFound")}},
	{name: "MalformedRequest raised", call: call{Method: "fail", Args: list("MalformedRequest")}},
	{name: "IncorrectSignature raised", call: call{Method: "fail", Args: list("IncorrectSignature")}},
	{name: "BadRequest raised", call: call{Method: "fail", Args: list("BadRequest")}},
	{name: "ConnectionNotFound raised", call: call{Method: "fail", Args: list("ConnectionNotFound")}},
	{name: "RpcTimeout raised", call: call{Method: "fail", Args: list("RpcTimeout")}},
	{name: "UnknownService raised", call: call{Method: "fail", Args: list("UnknownService")}},
	{name: "RemoteError raised", call: call{Method: "fail", Args: list("RemoteError")}},
	{name: "exception over one service", call: call{Method: "relay", Args: list(peers(1), "find", list(7))}},
	{name: "exception over three services", call: call{Method: "relay", Args: list(peers(3), "find", list(7))}},
	{name: "MethodNotFound over two services", call: call{Method: "relay", Args: list(peers(2), "nope", list())}},
	{name: "IncorrectSignature over two services", call: call{Method: "relay", Args: list(peers(2), "sig", list())}},

	{name: "result that cannot be sent", call: call{Method: "make", Args: list("opaque")}, served: difference{
		"the text has Go's type in place of Python's repr, and why", "RemoteError: UnserializableValueError Unserializable value: `interop_test.opaque: "}},
	{name: "serializer pickle", call: call{Method: "echo", Args: list(1), Serializer: "pickle", Timeout: 0.2}, served: refusal("x-python-serialize")},
	{name: "serializer YAML", call: call{Method: "echo", Args: list(1), Serializer: "yaml", Timeout: 0.2}, served: refusal("x-yaml")},
	{name: "argument that cannot be sent", call: call{Method: "echo", Value: "opaque"}, called: difference{
		"the error names Go's type, in place of kombu's EncodeError", "not sent: "}},
}

// refusal is the difference that a request in a format that is not accepted is answered, in that
// format.
func refusal(contentType string) difference {
	return difference{"it is answered, in the same serializer; Nameko drops it, and who called waits for ever",
		`MalformedRequest: content_type "application/` + contentType + `" is not accepted: send application/json or application/x-msgpack`}
}

func (f *fixture) calls(t *testing.T) {
	if _, err := f.raw.QueueDeclare("rpc-idle", true, false, false, false, nil); err != nil {
		t.Fatal(err)
	}
	if err := f.raw.QueueBind("rpc-idle", "idle.*", "nameko-rpc", false, nil); err != nil {
		t.Fatal(err)
	}
	var judged, served []call
	for _, r := range calls {
		judged = append(judged, r.to("python_peer", "python_peer"))
		if r.Service == "" {
			r.Timeout = 0 // a short limit is for calls that Nameko never answers; ours are answered
		}
		served = append(served, r.to("go_peer", "python_peer"))
	}
	judges, answers := f.python.call(t, judged...), f.python.call(t, served...)
	for i, r := range calls {
		t.Run(r.name, func(t *testing.T) {
			r.served.check(t, "Python calls Go", answers[i], judges[i])
			if r.Serializer != "" { // Go cannot send it
				hosttest.Next(t, f.nameko.dropped)
				return
			}
			got := f.call(t, r.to("python_peer", "go_peer"))
			r.called.check(t, "Go calls Python", got, seen(judges[i]))
		})
	}
}

// to returns the call made to a peer, and through the other one.
func (r row) to(peer, other string) call {
	c := r.call
	if c.Service == "" {
		c.Service = peer
	}
	if c.Method == "relay" {
		path, _ := c.Args[0].([]string)
		names := make([]string, len(path))
		for i, name := range path {
			names[i] = name
			switch name {
			case "same":
				names[i] = peer
			case "other":
				names[i] = other
			}
		}
		c.Args = append(list(names), c.Args[1:]...)
	}
	return c
}

// check compares an outcome with Nameko's.
func (d difference) check(t *testing.T, who string, got, want outcome) {
	t.Helper()
	equal := reflect.DeepEqual(got, want)
	switch {
	case d.why == "" && !equal:
		type fields outcome // all of them
		t.Errorf("%s: got %+v\nwant, as Nameko does it, %+v", who, fields(got), fields(want))
	case d.why != "" && equal:
		t.Errorf("%s: got %s as from Nameko: the difference is gone that is listed as %q", who, got, d.why)
	case d.why != "" && !strings.HasPrefix(got.String(), d.want):
		t.Errorf("%s: got %s, want %s", who, got, d.want)
	}
}

// call makes a call from Go. The outcome leaves out what Go does not see.
func (f *fixture) call(t *testing.T, c call) outcome {
	t.Helper()
	ctx := t.Context()
	if c.Timeout > 0 {
		ctx = rpc.With(ctx, rpc.Timeout(time.Duration(c.Timeout*float64(time.Second))))
	}
	if c.Value != "" {
		c.Args = list(valueOf(c.Value))
	}
	var result json.RawMessage
	err := f.caller.Client(c.Service).Call(ctx, c.Method, &result, arguments(c.Args, c.Kwargs)...)
	var e *rpc.Error
	switch {
	case err == nil:
		return outcome{JSON: string(result)}
	case errors.As(err, &e):
		return seen(outcome{Raised: e.Path, Text: e.Value, Error: *e})
	}
	return outcome{Raised: "not sent", Text: err.Error()}
}

// seen returns what Go can see of an outcome in Python: a result as it was sent, or an error as it
// was sent.
func seen(o outcome) outcome {
	if o.Raised == "" {
		return outcome{JSON: o.JSON}
	}
	e := o.Error
	return outcome{Raised: e.Path, Text: e.Value, Error: rpc.Error{Type: e.Type, Path: e.Path, Args: e.Args, Value: e.Value}}
}

// arguments returns what [rpc.Client.Call] takes.
func arguments(args []any, kwargs map[string]any) []any {
	var named rpc.Kwargs
	for name, value := range kwargs {
		named = append(named, name, value)
	}
	if named == nil {
		return args
	}
	return append(append([]any{}, args...), named)
}

type dict = map[string]any

func list(values ...any) []any { return append([]any{}, values...) }
