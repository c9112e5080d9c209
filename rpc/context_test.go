package rpc_test

import (
	"context"
	"encoding/base64"
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

// The services that the vectors of chains were captured from, in Go: vec_a calls vec_b, which calls vec_c.
type (
	VecA struct {
		_ service.Name `service:"vec_a"`

		Entrypoints struct {
			Top     rpc.Method `rpc:"top(x)"`
			TopFail rpc.Method `rpc:"top_fail()"`
		}
		B VecBClient
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

		Leaf         func(context.Context, any) (any, error) `rpc:"leaf"`
		LeafFail     func(context.Context) error             `rpc:"leaf_fail"`
		NoSuchMethod func(context.Context) error             `rpc:"no_such_method"`
	}
	NobodyClient struct {
		_ rpc.Client `rpc:"vec_no_such_service"`

		Anything func(context.Context, int) error `rpc:"anything"`
	}
)

func (s *VecA) Top(ctx context.Context, x any) (any, error) { return s.B.Mid(ctx, x) }
func (s *VecA) TopFail(ctx context.Context) error           { return s.B.MidFail(ctx) }
func (s *VecB) Mid(ctx context.Context, x any) (any, error) { return s.C.Leaf(ctx, x) }
func (s *VecB) MidFail(ctx context.Context) error           { return s.C.LeafFail(ctx) }
func (s *VecB) MidMissingMethod(ctx context.Context) error  { return s.C.NoSuchMethod(ctx) }
func (s *VecB) MidUnknown(ctx context.Context) error        { return s.Nobody.Anything(ctx, 1) }
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

// contextVectors are those that a request was sent in, call_async's aside: its calls overlap in any order.
func contextVectors(t *testing.T) []vector {
	return slices.DeleteFunc(load(t, "rpc_context"), func(v vector) bool {
		return len(v.Messages) == 0 || v.Name == "call_async"
	})
}

// What services in Go send on, and answer with, for a captured request is what Nameko's sent.
func TestServerContextVectors(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		services := startWorkers(t, 30, uri, new(Echo), new(VecA), new(VecB), new(VecC), new(VecRecurse))
		peer := newPeer(t, uri)
		for _, v := range contextVectors(t) {
			t.Run(v.Name, func(t *testing.T) {
				want := slices.DeleteFunc(slices.Clone(v.Messages), func(m message) bool {
					return m.From != "service" || m.Method != "basic.publish" || m.Exchange != "nameko-rpc" // or an event
				})
				before := len(services.tap.published(t))
				replies := peer.bind(v.Messages[0].ReplyTo())
				peer.publish(v.Messages[0].Key, v.Messages[0].publishing(t))
				next(t, replies)
				sent := services.tap.published(t)[before:]
				if len(sent) != len(want) {
					t.Fatalf("got %d messages sent, want %d", len(sent), len(want))
				}
				for i := range sent {
					delete(sent[i].Properties, "expiration") // Nameko sets no limit
					equal(t, sent[i], want[i])
				}
			})
		}
	})
}

// What a Go program sends for a call with context data is what Nameko's sent for the same.
func TestClientContextVectors(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		startWorkers(t, 30, uri, new(Echo), new(VecA), new(VecB), new(VecC), new(VecRecurse))
		var tap tap
		conn := dial(t, uri, rpc.Config{}, &tap)
		for _, v := range contextVectors(t) {
			t.Run(v.Name, func(t *testing.T) {
				want := v.Messages[0]
				ctx := service.Key[any]("none").With(t.Context(), nil) // is not sent
				for name, value := range want.headers() {
					if key := strings.TrimPrefix(name, "nameko."); key != "call_id_stack" {
						ctx = service.Key[any](key).With(ctx, value)
					}
				}
				target, method, _ := strings.Cut(want.Key, ".")
				args := decoded(t, want.body(t)).(map[string]any)["args"].([]any)
				err := conn.Client(target).Call(ctx, method, nil, args...)
				if fails := strings.Contains(v.Name, "chain_") && v.Name != "chain_ok"; fails != (err != nil) {
					t.Errorf("got %v", err)
				}
				sent := tap.published(t)
				got := sent[len(sent)-1]
				delete(got.Properties, "expiration")
				equal(t, got, want)
			})
		}
	})
}

// What is no AMQP value is an error where it is sent, and nothing goes out.
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

// ReplyTo is the key of the answer to a request.
func (m message) ReplyTo() string { return m.Properties["reply_to"].(string) }

// headers returns the headers of m in their types.
func (m message) headers() amqp.Table {
	headers := amqp.Table{}
	raw, _ := m.Properties["headers"].(map[string]any)
	for name, value := range raw {
		headers[name] = typed(value, m.Types[name])
	}
	return headers
}

// typed returns the value that a vector has as JSON and the letter of its type.
func typed(value, letter any) any {
	if nested, ok := letter.([]any); ok {
		switch nested[0] {
		case "A":
			list := slices.Clone(value.([]any))
			for i, letter := range nested[1].([]any) {
				list[i] = typed(list[i], letter)
			}
			return list
		case "F":
			table := amqp.Table{}
			for name, letter := range nested[1].(map[string]any) {
				table[name] = typed(value.(map[string]any)[name], letter)
			}
			return table
		}
	}
	members, _ := value.(map[string]any)
	number := func(name string) int64 { return int64(members[name].(float64)) }
	switch letter {
	case "I":
		return int32(value.(float64))
	case "L":
		return int64(value.(float64))
	case "T":
		return time.Unix(number("timestamp"), 0)
	case "D":
		return amqp.Decimal{Scale: uint8(number("decimal_scale")), Value: int32(number("decimal_value"))}
	}
	if text, ok := members["base64"].(string); ok {
		data, _ := base64.StdEncoding.DecodeString(text)
		return string(data)
	}
	return value
}

// pythonRepr is what Python's repr does of context data.
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
