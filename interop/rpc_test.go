package interop_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/transport"
)

// Each of these calls has the outcome that it has on python_peer, the real Nameko.
var calls = []struct {
	name   string
	method string
	args   []any
	kwargs map[string]any
	want   string // the outcome in JSON
}{
	{"positional", "hello", list("Julio"), nil, `{"result": "Hello, Julio!"}`},
	{"keyword", "hello", nil, dict{"name": "Julio"}, `{"result": "Hello, Julio!"}`},
	{"unicode", "hello", list("Jülio ☃ 日本 🎉"), nil, `{"result": "Hello, Jülio ☃ 日本 🎉!"}`},
	{"null", "echo", list(nil), nil, `{"result": null}`},
	{"bool", "echo", list(true), nil, `{"result": true}`},
	{"big integer", "echo", list(json.Number("123456789012345678901234567890")), nil, `{"result": 123456789012345678901234567890}`},
	{"float", "echo", list(json.Number("2.0")), nil, `{"result": 2.0}`},
	{"nested", "echo", list(dict{"é": list(1, "two", dict{"three": nil})}), nil, `{"result": {"é": [1, "two", {"three": null}]}}`},
	{"markup", "echo", list("<a href='x'>&</a>\u2028"), nil, `{"result": "<a href='x'>&</a>\u2028"}`},
	{"defaults", "sig", list(1), nil, `{"result": [1, 2, 3]}`},
	{"positional and keyword-only", "sig", list(1, 5), dict{"c": 6}, `{"result": [1, 5, 6]}`},
	{"all by name", "sig", nil, dict{"c": 6, "b": 5, "a": 1}, `{"result": [1, 5, 6]}`},

	{"unknown method", "nope", nil, nil, failed("MethodNotFound", "nope")},
	{"too many", "sig", list(1, 2, 3), nil,
		failed("IncorrectSignature", "sig() takes from 2 to 3 positional arguments but 4 were given")},
	{"missing", "sig", nil, nil, failed("IncorrectSignature", "sig() missing 1 required positional argument: 'a'")},
	{"unknown keyword", "sig", list(1), dict{"d": 4},
		failed("IncorrectSignature", "sig() got an unexpected keyword argument 'd'")},
	{"twice", "sig", list(1), dict{"a": 4}, failed("IncorrectSignature", "sig() got multiple values for argument 'a'")},
	{"remote error", "fail", nil, nil, failed("RemoteError", "Exception it broke")},
	{"expected remote error", "find", list(7), nil, failed("RemoteError", "NotFound no such order")},
}

type dict = map[string]any

func list(values ...any) []any { return values }

// failed is the outcome of a call that raised class, with text as its one argument.
func failed(class, text string) string {
	return fmt.Sprintf(`{"error": {"class": %q, "args": [%q], "text": %q}}`, class, text, text)
}

func TestNamekoCallsOurs(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		startPeer(t, uri)
		startGoPeer(t, uri)
		nameko := startCaller(t, uri)
		for _, test := range calls {
			t.Run(test.name, func(t *testing.T) {
				for _, service := range []string{"python_peer", "go_peer"} {
					got := nameko.call(t, call{service, test.method, test.args, test.kwargs})[0]
					if !same(got, test.want) {
						t.Errorf("%s: got %s, want %s", service, got, test.want)
					}
				}
			})
		}
		t.Run("no such service", func(t *testing.T) {
			got := nameko.call(t, call{Service: "nobody", Method: "hello"})[0]
			want := `{"error": {"class": "UnknownService", "args": ["nobody"], "text": "Unknown service ` + "`nobody`" + `"}}`
			if !same(got, want) {
				t.Errorf("got %s, want %s", got, want)
			}
		})
		t.Run("unserializable", func(t *testing.T) {
			for _, service := range []string{"python_peer", "go_peer"} {
				got := nameko.call(t, call{Service: service, Method: "unserializable"})[0]
				if !strings.Contains(string(got), `"UnserializableValueError Unserializable value: `) {
					t.Errorf("%s: got %s, want an UnserializableValueError", service, got)
				}
			}
		})
		t.Run("200 at once", func(t *testing.T) {
			var calls []call
			for n := range 200 {
				calls = append(calls, call{Service: "go_peer", Method: "echo", Args: list(n)})
			}
			for n, got := range nameko.call(t, calls...) {
				if want := fmt.Sprintf(`{"result": %d}`, n); !same(got, want) {
					t.Errorf("call %d: got %s, want %s", n, got, want)
				}
			}
		})
		// A Nameko service calls ours, which calls it back; and the other way round.
		t.Run("services call each other", func(t *testing.T) {
			for _, names := range [][2]string{{"python_peer", "go_peer"}, {"go_peer", "python_peer"}} {
				got := nameko.call(t, call{Service: names[0], Method: "relay", Args: list("relay", list("hello", list("Julio")))})[0]
				if want := `{"result": "Hello, Julio!"}`; !same(got, want) {
					t.Errorf("through %s and %s: got %s, want %s", names[0], names[1], got, want)
				}
			}
		})
	})
}

func TestOursCallsNameko(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		startPeer(t, uri)
		conn, err := rpc.Dial(t.Context(), transport.Config{URI: uri}, rpc.Config{})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(context.Background())
		peer := conn.Client("python_peer")

		t.Run("results", func(t *testing.T) {
			for _, test := range calls {
				if !strings.HasPrefix(test.want, `{"result"`) {
					continue
				}
				var result json.RawMessage
				if err := peer.Call(t.Context(), test.method, &result, arguments(test.args, test.kwargs)...); err != nil {
					t.Errorf("%s: %v", test.name, err)
				} else if got := fmt.Sprintf(`{"result": %s}`, result); !same(outcome(got), test.want) {
					t.Errorf("%s: got %s, want %s", test.name, got, test.want)
				}
			}
		})
		t.Run("errors", func(t *testing.T) {
			for _, test := range []struct {
				method string
				args   []any
				want   rpc.Error
			}{
				{"check", list(42), rpc.Error{Type: "ValueError", Path: "builtins.ValueError",
					Args: list("bad value", "42"), Value: "('bad value', 42)"}},
				{"find", list(7), rpc.Error{Type: "NotFound", Path: "peer.NotFound",
					Args: list("no such order"), Value: "no such order"}},
				{"nope", nil, rpc.Error{Type: "MethodNotFound", Path: "nameko.exceptions.MethodNotFound",
					Args: list("nope"), Value: "nope"}},
			} {
				err := peer.Call(t.Context(), test.method, nil, test.args...)
				var got *rpc.Error
				if !errors.As(err, &got) {
					t.Errorf("%s: got %v, want a *rpc.Error", test.method, err)
				} else if got.Type != test.want.Type || got.Path != test.want.Path ||
					got.Value != test.want.Value || !reflect.DeepEqual(got.Args, test.want.Args) {
					t.Errorf("%s: got %+v, want %+v", test.method, *got, test.want)
				}
			}
			if err := peer.Call(t.Context(), "find", nil, 7); !errors.Is(err, errNotFound) {
				t.Errorf("got %v, want what errors.Is takes for %v", err, errNotFound)
			}
		})
		t.Run("no such service", func(t *testing.T) {
			err := conn.Client("nobody").Call(t.Context(), "hello", nil)
			if !errors.Is(err, rpc.ErrUnknownService) {
				t.Errorf("got %v, want ErrUnknownService", err)
			}
		})
		t.Run("slower than its limit", func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			if err := peer.Call(ctx, "sleep", nil, 60); !errors.Is(err, rpc.ErrTimeout) {
				t.Errorf("got %v, want ErrTimeout", err)
			}
		})
	})
}

// arguments returns what [rpc.Client.Call] takes.
func arguments(args []any, kwargs map[string]any) []any {
	if len(kwargs) == 0 {
		return args
	}
	var named rpc.Kwargs
	for name, value := range kwargs {
		named = append(named, name, value)
	}
	return append(slices.Clone(args), named)
}

// same reports whether the outcome is want, down to the spelling of numbers.
func same(got outcome, want string) bool {
	return reflect.DeepEqual(decode(string(got)), decode(want))
}

func decode(text string) any {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var value any
	if err := d.Decode(&value); err != nil {
		panic(err) // the test's own text, or what json.RawMessage let through
	}
	return value
}
