package service_test

import (
	"context"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/service"
)

// Vault is a service with secret arguments.
type Vault struct {
	_ service.Name `service:"vault"`

	Entrypoints struct {
		Open    Trigger `trigger:"open(name, pin)" sensitive:"pin"`
		Part    Trigger `trigger:"part(name, pin)" sensitive:"name, pin.keys[0].value" method:"Open"`
		Store   Trigger `trigger:"store"`
		Deep    Trigger `trigger:"deep(cards)"`
		Options Trigger `trigger:"options(**opts)" sensitive:"pin"`
		Plain   Trigger `trigger:"plain(name, pin)" method:"Open"`
		Tree    Trigger `trigger:"tree(root)"`
	}
}

type card struct {
	Number int `json:"number" sensitive:"true"`
}

type secret struct {
	Name string `json:"name" default:"''"`
	Pin  int    `json:"pin" sensitive:"true" default:"0"`
}

// A tree is a recursive type.
type tree map[string][]tree

func (*Vault) Open(context.Context, string, int) error        { return nil }
func (*Vault) Store(context.Context, secret) error            { return nil }
func (*Vault) Deep(context.Context, map[string][]*card) error { return nil }
func (*Vault) Options(context.Context, map[string]int) error  { return nil }
func (*Vault) Tree(context.Context, tree) error               { return nil }

// Errors do not show sensitive arguments, and Row.Sensitive reports rows that have some.
func TestSensitive(t *testing.T) {
	t.Parallel()
	_, all := start(t, service.Config{}, new(Vault))
	for _, test := range []struct {
		row  string
		args []any
		want string
	}{
		{"open", []any{"me", "hunter2"}, "open() argument 'pin' must be int: ********"},
		{"part", []any{1234, 1}, "part() argument 'name' must be str: ********"},
		{"part", []any{"me", "hunter2"}, "part() argument 'pin' must be int: ********"},
		{"store", []any{kw{"pin", "hunter2"}}, "store() argument 'pin' must be int: ********"},
		{"deep", []any{"hunter2"}, "deep() argument 'cards' must be dict: ********"},
		{"options", []any{kw{"pin", "hunter2"}}, "options() argument 'pin' must be int: ********"},
	} {
		f := all["vault."+test.row]
		if !f.Sensitive() {
			t.Errorf("%s: is not said to be sensitive", test.row)
		}
		if _, err := f.Run(t.Context(), service.Request{Arguments: arguments(test.args...)}); err == nil || err.Error() != test.want {
			t.Errorf("%s: got %v, want %s", test.row, err, test.want)
		}
	}
	for _, row := range []string{"plain", "tree"} {
		if all["vault."+row].Sensitive() {
			t.Errorf("%s is said to be sensitive", row)
		}
	}
	_, err := all.fire(t.Context(), "vault.open", 7, 1)
	if err == nil || strings.Contains(err.Error(), service.Redacted) {
		t.Errorf("got %v for an argument that is not sensitive, want what is wrong with it", err)
	}
}
