package interop_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
)

// PythonPeer is a typed client of peer/peer.py.
type PythonPeer struct {
	_ rpc.Client `rpc:"python_peer"`

	Hello    func(ctx context.Context, name string) (string, error)                              `rpc:"hello"`
	Echo     func(context.Context, Echoed) (map[string]any, error)                               `rpc:"echo"`
	Sig      func(ctx context.Context, a, b, c int) ([]int, error)                               `rpc:"sig(a, b=2, *, c=3)"`
	Find     func(ctx context.Context, id int) error                                             `rpc:"find"`
	Language func(context.Context) (*string, error)                                              `rpc:"language"`
	Relay    func(ctx context.Context, path []string, method string, args []any) (string, error) `rpc:"relay"`
}

// Echoed are the arguments of echo, by name.
type Echoed struct {
	Value map[string]any `json:"value"`
}

// client calls Nameko by the funcs of a typed client.
func (f *fixture) client(t *testing.T) {
	peer, err := rpc.Bind[PythonPeer](f.caller)
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()

	if got, err := peer.Hello(ctx, "Julio"); err != nil || got != "Hello, Julio!" {
		t.Errorf("by position: got %q, %v", got, err)
	}
	if got, err := peer.Echo(ctx, Echoed{dict{"a": "ü"}}); err != nil || got["a"] != "ü" {
		t.Errorf("a struct by name: got %v, %v", got, err)
	}
	if got, err := peer.Sig(ctx, 1, 5, 6); err != nil || !slices.Equal(got, []int{1, 5, 6}) {
		t.Errorf("by position and by name: got %v, %v", got, err)
	}
	if err := peer.Find(ctx, 7); !errors.Is(err, errNotFound) {
		t.Errorf("got %v, want what errors.Is takes for %v", err, errNotFound)
	}

	// Context data: to Nameko's own dependency, and from one service to the next in either
	// language.
	if got, err := peer.Language(ctx); err != nil || got != nil {
		t.Errorf("no language: got %v, %v", got, err)
	}
	english := service.Language.With(ctx, "en-gb")
	if got, err := peer.Language(english); err != nil || got == nil || *got != "en-gb" {
		t.Errorf("a language: got %v, %v", got, err)
	}
	if got, err := peer.Relay(english, []string{"go_peer", "python_peer"}, "language", list()); err != nil || got != "en-gb" {
		t.Errorf("a language through both: got %q, %v", got, err)
	}
}
