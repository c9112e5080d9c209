package rpc_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
)

// These are the services, in Go, from which the vectors of chains were captured: vec_a calls vec_b,
// which calls vec_c.
type (
	VecA struct {
		_ service.Name `service:"vec_a"`

		Entrypoints struct {
			Top      rpc.Method `rpc:"top(x)"`
			TopFail  rpc.Method `rpc:"top_fail()"`
			TopAsync rpc.Method `rpc:"top_async(n)"`
		}
		B     VecBClient
		Async rpc.Client `rpc:"vec_b"`
	}
	VecB struct {
		_ service.Name `service:"vec_b"`

		Entrypoints struct {
			Mid              rpc.Method `rpc:"mid(x)"`
			MidFail          rpc.Method `rpc:"mid_fail()"`
			MidMissingMethod rpc.Method `rpc:"mid_missing_method()"`
			MidUnknown       rpc.Method `rpc:"mid_unknown()"`
		}
		C      VecCClient
		Any    rpc.Client `rpc:"vec_c"`
		Nobody NobodyClient
	}
	VecC struct {
		_ service.Name `service:"vec_c"`

		Entrypoints struct {
			Leaf     rpc.Method `rpc:"leaf(x)"`
			LeafFail rpc.Method `rpc:"leaf_fail()"`
		}
	}
	VecRecurse struct {
		_ service.Name `service:"vec_recurse"`

		Entrypoints struct {
			Down rpc.Method `rpc:"down(n)"`
		}
		Self struct {
			_ rpc.Client `rpc:"vec_recurse"`

			Down func(context.Context, int) ([]string, error) `rpc:"down"`
		}
	}

	VecBClient struct {
		_ rpc.Client `rpc:"vec_b"`

		Mid     func(context.Context, any) (any, error) `rpc:"mid"`
		MidFail func(context.Context) error             `rpc:"mid_fail"`
	}
	VecCClient struct {
		_ rpc.Client `rpc:"vec_c"`

		Leaf     func(context.Context, any) (any, error) `rpc:"leaf"`
		LeafFail func(context.Context) error             `rpc:"leaf_fail"`
	}
	NobodyClient struct {
		_ rpc.Client `rpc:"vec_no_such_service"`

		Anything func(context.Context, int) error `rpc:"anything"`
	}
)

func (s *VecA) Top(ctx context.Context, x any) (any, error) { return s.B.Mid(ctx, x) }
func (s *VecA) TopFail(ctx context.Context) error           { return s.B.MidFail(ctx) }
func (s *VecA) TopAsync(ctx context.Context, n int) (xs []int, err error) {
	replies := make([]*rpc.Reply, n)
	for i := range replies {
		replies[i] = s.Async.Go(ctx, "mid", i)
	}
	for _, r := range replies {
		var leaf struct{ X int }
		err = errors.Join(err, r.Result(ctx, &leaf))
		xs = append(xs, leaf.X)
	}
	return xs, err
}
func (s *VecB) Mid(ctx context.Context, x any) (any, error) { return s.C.Leaf(ctx, x) }
func (s *VecB) MidFail(ctx context.Context) error           { return s.C.LeafFail(ctx) }
func (s *VecB) MidMissingMethod(ctx context.Context) error {
	return s.Any.Call(ctx, "no_such_method", nil)
}
func (s *VecB) MidUnknown(ctx context.Context) error { return s.Nobody.Anything(ctx, 1) }
func (s *VecC) LeafFail(context.Context) error {
	return rpc.NewError("vec_services.CustomError", "from c")
}
func (s *VecC) Leaf(ctx context.Context, x any) (any, error) {
	call := service.FromContext(ctx)
	result := map[string]any{
		"x": x, "call_id_stack": call.Stack(), "data_keys": append([]string{}, slices.Sorted(maps.Keys(call.Data))...),
		"language": nil, "user_id": nil, "user_agent": nil, "auth_token": nil,
	}
	for _, key := range []service.Key[string]{service.Language, service.UserID, service.UserAgent, service.AuthToken} {
		if value, ok := key.Get(ctx); ok {
			result[string(key)] = value
		}
	}
	return result, nil
}

func (s *VecRecurse) Down(ctx context.Context, n int) ([]string, error) {
	if n == 0 {
		return service.FromContext(ctx).Stack(), nil
	}
	return s.Self.Down(ctx, n-1)
}

// Context data that is not an AMQP value is an error of the call, and nothing is sent.
func TestUnsendableContext(t *testing.T) {
	var tap tap
	client := dial(t, brokertest.Embedded(t), rpc.Config{}, &tap).Client("vec_echo")
	for _, value := range []any{new(big.Int).Lsh(big.NewInt(1), 64), uint64(math.MaxUint64), struct{}{}, []any{make(chan int)}, new(int)} {
		err := client.Call(service.Key[any]("custom").With(t.Context(), value), "ctxdata", nil)
		if err == nil || !strings.Contains(err.Error(), `vec_echo.ctxdata: not sent: `) || !strings.Contains(err.Error(), `"nameko.custom"`) {
			t.Errorf("%T: got %v, want an error that names the key", value, err)
		}
	}
	if sent := tap.published(t); len(sent) != 0 {
		t.Errorf("got %d requests sent, want none", len(sent))
	}
}

// pythonRepr formats context data like Python's repr.
func pythonRepr(v any) string {
	switch v := v.(type) {
	case nil:
		return "None"
	case bool:
		return map[bool]string{true: "True", false: "False"}[v]
	case string:
		if v == "\xff\x00" {
			return `b'\xff\x00'`
		}
		return "'" + v + "'"
	case time.Time:
		return v.UTC().Format("datetime.datetime(2006, 1, 2, 3, 4, 5)")
	case amqp.Decimal:
		return fmt.Sprintf("Decimal('%v')", float64(v.Value)/math.Pow10(int(v.Scale)))
	case []any:
		items := make([]string, len(v))
		for i := range v {
			items[i] = pythonRepr(v[i])
		}
		return "[" + strings.Join(items, ", ") + "]"
	case map[string]any:
		var items []string
		for _, name := range slices.Sorted(maps.Keys(v)) {
			items = append(items, pythonRepr(name)+": "+pythonRepr(v[name]))
		}
		return "{" + strings.Join(items, ", ") + "}"
	}
	return fmt.Sprint(v)
}
