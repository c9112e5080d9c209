package rpc_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/codec/msgpack"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Inn takes arguments with constraints.
type Inn struct {
	_ service.Name `service:"inn"`

	Entrypoints struct {
		Book  rpc.Method `rpc:"book"`
		Loose rpc.Method `rpc:"loose" lenient:"true" method:"Book"`
		Plain rpc.Method `rpc:"plain(guest, *rest, **more)"`
		Own   rpc.Method `rpc:"own()"`
	}
}

type guest struct {
	Name  string `json:"name" minLength:"1"`
	Email string `json:"email,omitempty" format:"email"`
	Level string `json:"level" enum:"gold,silver" default:"'silver'"`
}

type booking struct {
	Guests []guest           `json:"guests"`
	Nights int               `json:"nights" min:"1" max:"30"`
	Tags   map[string]string `json:"tags,omitempty" pattern:"^[a-z]+$"`
	Code   *string           `json:"code" minLength:"3"`
	Card   map[string]string `json:"card,omitempty" sensitive:"true" maxLength:"4"`
	Rate   string            `json:"rate" default:"'1.0'" format:"decimal" max:"99999999999999999.9"`
}

func (*Inn) Book(_ context.Context, b booking) (int, error) { return len(b.Guests), nil }
func (*Inn) Plain(_ context.Context, g guest, rest []guest, more map[string]guest) (int, error) {
	return 1 + len(rest) + len(more), nil
}
func (*Inn) Own(context.Context) error {
	return fmt.Errorf("own: %w", &service.ValidationError{Faults: []service.Fault{{Pointer: "/a", Message: "is taken"}}})
}

// Arguments that break constraints are answered with all faults, in the order of the fields, and
// the method does not run.
func TestValidation(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		start(t, uri, new(Inn))
		for _, c := range []codec.Codec{codec.JSON, msgpack.Codec} {
			inn := dialBroker(t, transport.Config{URI: uri, Codec: c}, rpc.Config{}, nil).Client("inn")
			testValidation(t, inn)
		}
	})
}

func testValidation(t *testing.T, inn rpc.Client) {
	type object = map[string]any
	ada := object{"name": "Ada"}
	for _, test := range []struct {
		method string
		args   []any
		want   string
	}{
		{"book", []any{[]object{ada}, 1}, ""},
		{"book", []any{[]object{{"name": "Ada", "email": "a@b", "level": "gold"}}, 30, object{"a": "b"}, nil}, ""},
		{"book", []any{[]object{}, 0}, "/nights must be at least 1"},
		{"book", []any{rpc.Kwargs{"rate", "99999999999999999.91", "code", "é", "nights", 31, "guests", []object{
			{"level": "", "email": "", "name": ""}, ada, {"name": "Bob", "level": "iron"},
		}}}, "/guests/0/name must have at least 1 character; /guests/0/email must be an email address; " +
			`/guests/0/level must be one of "gold", "silver"; /guests/2/level must be one of "gold", "silver"; ` +
			"/nights must be at most 30; /code must have at least 3 characters; /rate must be at most 99999999999999999.9"},
		{"book", []any{nil, 1, object{"b/c": "B", "a": ""}}, "/tags/a must match ^[a-z]+$; /tags/b~1c must match ^[a-z]+$"},
		{"book", []any{nil, 1, nil, nil, object{"4111 1111": "12345", "2": "12345"}}, "/card must have at most 4 characters"},
		{"loose", []any{[]object{{}}, 1}, ""},
		{"loose", []any{[]object{{"name": ""}}, 1}, "/guests/0/name must have at least 1 character"},
		{"plain", []any{ada, ada, rpc.Kwargs{"x", ada}}, ""},
		{"plain", []any{object{"name": ""}, ada, object{"name": ""}, rpc.Kwargs{"x", object{"name": ""}}},
			"/guest/name must have at least 1 character; /rest/1/name must have at least 1 character; /x/name must have at least 1 character"},
		{"own", nil, "/a is taken"},
	} {
		err := inn.Call(t.Context(), test.method, nil, test.args...)
		var invalid *service.ValidationError
		var sent *rpc.Error
		switch found := errors.As(err, &invalid); {
		case test.want == "" && err != nil:
			t.Errorf("%s%v: got %v", test.method, test.args, err)
		case test.want == "":
		case !found || invalid.Error() != test.want:
			t.Errorf("%s%v: got %v, want %s", test.method, test.args, err, test.want)
		case !errors.As(err, &sent) || sent.Type != "ValidationError" || sent.Path != "gomeko.ValidationError" || !strings.HasSuffix(sent.Value, test.want):
			t.Errorf("%s%v: got %+v", test.method, test.args, sent)
		case service.Expected(err):
			t.Errorf("%s%v: got an expected error, want that the calling service made the mistake", test.method, test.args)
		}
	}
	err := inn.Call(t.Context(), "book", nil, nil, 0)
	want := []any{"/nights must be at least 1", []any{map[string]any{"pointer": "/nights", "message": "must be at least 1"}}}
	if sent := (*rpc.Error)(nil); !errors.As(err, &sent) || !reflect.DeepEqual(sent.Args, want) {
		t.Errorf("got args %v, want %v", sent.Args, want)
	}
}
