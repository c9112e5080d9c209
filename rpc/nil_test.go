package rpc_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Drawer returns nil results.
type Drawer struct {
	_ service.Name `service:"drawer"`

	Entrypoints struct {
		List  rpc.Method `rpc:"list()"`
		Whole rpc.Method `rpc:"whole()"`
		Echo  rpc.Method `rpc:"echo(value)"`
	}
}

type contents struct {
	Items []string         `json:"items"`
	Count map[string][]int `json:"count"`
	Inner []contents       `json:"inner"`
	Seal  []byte           `json:"seal"`
	Next  *contents        `json:"next"`
	Maybe *[]string        `json:"maybe"`
	None  []string         `json:"none,omitempty"`
	Any   any              `json:"any"`
}

func (*Drawer) List(context.Context) ([]string, error) { return nil, nil }
func (*Drawer) Whole(context.Context) (*contents, error) {
	return &contents{Count: map[string][]int{"a": nil}, Inner: []contents{{}}, Any: []any(nil)}, nil
}
func (*Drawer) Echo(_ context.Context, value json.RawMessage) (json.RawMessage, error) {
	return value, nil
}

// Nil slices and maps are [] and {} on the wire, in results and in arguments, unless the codec
// follows encoding/json.
func TestNil(t *testing.T) {
	t.Parallel()
	const (
		empty  = `{"items":[],"count":{},"inner":[],"seal":null,"next":null,"maybe":null,"any":null}`
		whole  = `{"items":[],"count":{"a":[]},"inner":[` + empty + `],"seal":null,"next":null,"maybe":null,"any":[]}`
		nulls  = `{"items":null,"count":null,"inner":null,"seal":null,"next":null,"maybe":null,"any":null}`
		asNull = `{"items":null,"count":{"a":null},"inner":[` + nulls + `],"seal":null,"next":null,"maybe":null,"any":null}`
	)
	for _, test := range []struct {
		codec             codec.Codec
		list, whole, echo string
	}{
		{nil, `[]`, whole, empty},
		{codec.NilAsNull(codec.JSON), `null`, asNull, nulls},
	} {
		uri := brokertest.Embedded(t)
		at := transport.Config{URI: uri, Codec: test.codec}
		if test.codec != nil {
			at.Accept = codec.Set{test.codec}
		}
		startOn(t, service.Config{}, at, new(Drawer))
		client := dialBroker(t, at, rpc.Config{}, nil).Client("drawer")
		for method, want := range map[string]string{"list": test.list, "whole": test.whole, "echo": test.echo} {
			var got json.RawMessage
			var args []any
			if method == "echo" {
				args = []any{contents{}}
			}
			if err := client.Call(t.Context(), method, &got, args...); err != nil || string(got) != want {
				t.Errorf("%s: got %s, %v, want %s", method, got, err, want)
			}
		}
	}
}
