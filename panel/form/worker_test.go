package form_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/contract"
	"github.com/gomeko/gomeko/panel/form"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/servicetest"
	"github.com/gomeko/gomeko/transport"
)

type (
	oldShop struct {
		_ service.Name `service:"shop"`

		Entrypoints struct {
			Place rpc.Method `rpc:"place(order, **more)"`
		}
	}
	newShop struct {
		_ service.Name `service:"shop"`

		Entrypoints struct {
			Place rpc.Method `rpc:"place(order, **more)"`
		}
	}
	oldOrder struct {
		Lines []line         `json:"lines"`
		Named map[string]int `json:"named"`
		Note  string         `json:"note"`
	}
	newOrder struct {
		Lines []line         `json:"lines"`
		Named map[string]int `json:"named" max:"5"`
		Note  string         `json:"note" minLength:"3"`
	}
)

func (*oldShop) Place(context.Context, oldOrder, map[string]line) error { return nil }

func (*newShop) Place(_ context.Context, order newOrder, _ map[string]line) error {
	if len(order.Lines) == 0 {
		return &service.ValidationError{Faults: []service.Fault{{Pointer: "/order/lines", Message: "must have a line"}}}
	}
	return nil
}

// TestWorkerFaults uses a form of an earlier version of a row. The faults found by the worker are
// shown at the fields: those of new constraints, and those found by its method.
func TestWorkerFaults(t *testing.T) {
	t.Parallel()
	c, err := service.New(service.Config{}, new(oldShop), service.Configure(transport.Config{URI: "amqp://localhost"}))
	if err != nil {
		t.Fatal(err)
	}
	f, err := form.New(contract.Of(c.Host(), codec.JSON)[0], "Place")
	if err != nil {
		t.Fatal(err)
	}
	worker := servicetest.New(t, new(newShop)).Client("shop")
	for _, test := range []struct {
		arguments string
		marked    map[string]string // by the name of the input
	}{
		{`{"order":{"lines":[{"product":"tea","count":1}],"named":{"a/b":9,"c":1},"note":""},"more":{}}`, map[string]string{
			"/order/named/0": "must be at most 5", "/order/note": "must have at least 3 characters",
		}},
		{`{"order":{"lines":[],"named":{},"note":"abc"},"more":{}}`, map[string]string{"add:/order/lines": "must have a line"}},
	} {
		in := f.Fill([]byte(test.arguments))
		args, faults := in.Arguments()
		if faults != nil {
			t.Fatal(faults)
		}
		order := json.RawMessage(valueOf(t, args, "order"))
		err := worker.Call(t.Context(), "place", nil, rpc.Kwargs{"order", order})
		var invalid *service.ValidationError
		if !errors.As(err, &invalid) || len(invalid.Faults) != len(test.marked) {
			t.Fatalf("got %v", err)
		}
		in.Mark(invalid.Faults)
		html, err := in.HTML()
		if err != nil {
			t.Fatal(err)
		}
		all := elements(t, html)
		for name, want := range test.marked {
			e := named(all, "name", name)
			if e == nil {
				t.Fatalf("no input %s", name)
			}
			id := e.attributes["id"]
			if rest, ok := strings.CutPrefix(name, "add:"); ok {
				id = "f" + strings.ReplaceAll(rest, "/", "-")
			}
			if got := strings.TrimSpace(named(all, "id", id+":fault").text); got != want {
				t.Errorf("%s: got %q, want %q", name, got, want)
			}
		}
	}
}
