package rpc_test

import (
	"context"
	"errors"
	"testing"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/codec/msgpack"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Till takes objects that contain objects.
type Till struct {
	_ service.Name `service:"till"`

	Entrypoints struct {
		Create  rpc.Method `rpc:"create_order(order_details)"`
		Loose   rpc.Method `rpc:"loose(order_details)" lenient:"true" method:"Create"`
		Strict  rpc.Method `rpc:"strict(order_details)" lenient:"false" method:"Create"`
		Args    rpc.Method `rpc:"args"`
		Many    rpc.Method `rpc:"many(*orders, **named)"`
		Hidden  rpc.Method `rpc:"hidden(order_details)" sensitive:"order_details" method:"Create"`
		Fetched rpc.Method `rpc:"fetched()"`
	}
}

type detail struct {
	Product  string `json:"product"`
	Quantity int    `json:"quantity"`
	Note     string `json:"note,omitempty"`
}

type orderArgs struct {
	Details []detail `json:"details"`
	First   *detail  `json:"first"`
}

func (*Till) Create(_ context.Context, details []detail) (int, error) { return len(details), nil }
func (*Till) Args(_ context.Context, args orderArgs) (int, error)     { return len(args.Details), nil }
func (*Till) Many(_ context.Context, orders []detail, named map[string]detail) (int, error) {
	return len(orders) + len(named), nil
}
func (*Till) Fetched(context.Context) (map[string]any, error) {
	return map[string]any{"product": "tea"}, nil
}

// A member that is missing at any depth of an argument is reported as IncorrectSignature, with its
// path.
func TestMissingMembers(t *testing.T) {
	t.Parallel()
	uri := brokertest.Embedded(t)
	start(t, uri, new(Till))
	type object = map[string]any
	whole, partial := object{"product": "tea", "quantity": 1}, object{"product": "tea"}
	both := []object{whole, partial}
	const path = "argument 'order_details' must be list: order_details[1].quantity: is missing"
	for _, c := range []codec.Codec{codec.JSON, codec.TypedJSON, msgpack.Codec} {
		till := dialBroker(t, transport.Config{URI: uri, Codec: c}, rpc.Config{}, nil).Client("till")
		for _, test := range []struct {
			method string
			args   []any
			want   string
		}{
			{"create_order", []any{[]object{whole, whole}}, ""},
			{"create_order", []any{both}, "create_order() " + path},
			{"create_order", []any{rpc.Kwargs{"order_details", both}}, "create_order() " + path},
			{"create_order", []any{"x"}, "create_order() argument 'order_details' must be list: a string does not fit []rpc_test.detail"},
			{"loose", []any{both}, ""},
			{"strict", []any{both}, "strict() " + path},
			{"hidden", []any{both}, "hidden() argument 'order_details' must be list: " + service.Redacted},
			{"args", []any{[]object{whole}}, ""},
			{"args", []any{[]object{whole}, object{}}, "args() argument 'first' must be dict or None: first.product: is missing"},
			{"args", nil, "args() missing 1 required positional argument: 'details'"},
			{"many", []any{whole, partial}, "many() argument 'orders' must be dict: orders.quantity: is missing"},
			{"many", []any{rpc.Kwargs{"x", partial}}, "many() argument 'x' must be dict: x.quantity: is missing"},
		} {
			err := till.Call(t.Context(), test.method, nil, test.args...)
			var got *rpc.Error
			switch {
			case test.want == "" && err != nil:
				t.Errorf("%s%v: got %v", test.method, test.args, err)
			case test.want == "":
			case !errors.Is(err, rpc.ErrIncorrectSignature) || !errors.As(err, &got) || got.Value != test.want:
				t.Errorf("%s%v: got %v, want IncorrectSignature: %s", test.method, test.args, err, test.want)
			}
		}
		var result detail
		if err := till.Call(t.Context(), "fetched", &result); err != nil || result != (detail{Product: "tea"}) {
			t.Errorf("a result without a member: got %+v, %v, want that it is read", result, err)
		}
	}
}

// A row may be strict in a lenient container.
func TestLenientContainer(t *testing.T) {
	t.Parallel()
	uri := brokertest.Embedded(t)
	startOn(t, service.Config{Lenient: true}, transport.Config{URI: uri}, new(Till))
	till := dial(t, uri, rpc.Config{}, nil).Client("till")
	partial := []map[string]any{{}}
	if err := till.Call(t.Context(), "create_order", nil, partial); err != nil {
		t.Errorf("got %v, want that members may be missing", err)
	}
	if err := till.Call(t.Context(), "strict", nil, partial); !errors.Is(err, rpc.ErrIncorrectSignature) {
		t.Errorf("got %v, want IncorrectSignature", err)
	}
}
