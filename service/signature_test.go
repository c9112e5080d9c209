package service_test

import (
	"context"
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/service"
)

// Grid has the signatures of testdata/getcallargs.py, with what each parameter got as result.
type Grid struct {
	_ service.Name `service:"grid"`

	Entrypoints struct {
		None     Trigger `trigger:"none()"`
		One      Trigger `trigger:"one(a)"`
		Two      Trigger `trigger:"two(a, b)"`
		Three    Trigger `trigger:"three(a, b, c)"`
		Default  Trigger `trigger:"default(a, b=1)"`
		Defaults Trigger `trigger:"defaults(a=1, b='two')"`
		Star     Trigger `trigger:"star(a, *rest)"`
		StarDef  Trigger `trigger:"star_default(a, b=1, *rest)"`
		Only     Trigger `trigger:"only(a, *, c)"`
		OnlyDef  Trigger `trigger:"only_default(a, b=1, *, c, d=None)"`
		OnlyTwo  Trigger `trigger:"only_two(*, c, d)"`
		Opts     Trigger `trigger:"opts(a, **opts)"`
		All      Trigger `trigger:"all(a, b=1, *rest, c, d=None, **opts)"`
		Fields   Trigger `trigger:"fields"`
	}
}

func (*Grid) None(context.Context) ([]any, error)                 { return []any{}, nil }
func (*Grid) One(_ context.Context, a any) ([]any, error)         { return []any{a}, nil }
func (*Grid) Two(_ context.Context, a, b any) ([]any, error)      { return []any{a, b}, nil }
func (*Grid) Three(_ context.Context, a, b, c any) ([]any, error) { return []any{a, b, c}, nil }
func (*Grid) Default(_ context.Context, a, b any) ([]any, error)  { return []any{a, b}, nil }
func (*Grid) Defaults(_ context.Context, a, b any) ([]any, error) {
	return []any{a, b}, nil
}
func (*Grid) Star(_ context.Context, a any, rest ...any) ([]any, error) {
	return []any{a, rest}, nil
}
func (*Grid) StarDef(_ context.Context, a, b any, rest []any) ([]any, error) {
	return []any{a, b, rest}, nil
}
func (*Grid) Only(_ context.Context, a, c any) ([]any, error) { return []any{a, c}, nil }
func (*Grid) OnlyDef(_ context.Context, a, b, c, d any) ([]any, error) {
	return []any{a, b, c, d}, nil
}
func (*Grid) OnlyTwo(_ context.Context, c, d any) ([]any, error) { return []any{c, d}, nil }
func (*Grid) Opts(_ context.Context, a any, opts map[string]any) ([]any, error) {
	return []any{a, opts}, nil
}
func (*Grid) All(_ context.Context, a, b any, rest []any, c, d any, opts map[string]any) ([]any, error) {
	return []any{a, b, rest, c, d, opts}, nil
}

type gridFields struct {
	A any `json:"a"`
	B any `json:"b" default:"1"`
}

func (*Grid) Fields(_ context.Context, f gridFields) ([]any, error) { return []any{f.A, f.B}, nil }

// TestGetcallargs compares with what Python's inspect.getcallargs did for the same calls.
func TestGetcallargs(t *testing.T) {
	text, err := os.ReadFile("testdata/getcallargs.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Name   string
		Args   []any
		Kwargs [][2]any
		Bound  []any
		Error  string
	}
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) < 300 {
		t.Fatalf("got %d cases, want a few hundred", len(cases))
	}
	_, all := start(t, service.Config{}, new(Grid))
	for _, tc := range cases {
		named := kw{}
		for _, pair := range tc.Kwargs {
			named = append(named, pair[0], pair[1])
		}
		got, err := all.fire(t.Context(), "grid."+tc.Name, append(tc.Args, named)...)
		switch {
		case tc.Error == "" && err != nil:
			t.Errorf("%s(*%v, **%v): got error %v, want %v", tc.Name, tc.Args, named, err, tc.Bound)
		case tc.Error != "" && (err == nil || err.Error() != tc.Error):
			t.Errorf("%s(*%v, **%v):\n got %v\nwant %v", tc.Name, tc.Args, named, err, tc.Error)
		case tc.Error == "":
			text, _ := json.Marshal(got)
			var plain []any
			if err := json.Unmarshal(text, &plain); err != nil || !reflect.DeepEqual(plain, tc.Bound) {
				t.Errorf("%s(*%v, **%v): got %s, want %v", tc.Name, tc.Args, named, text, tc.Bound)
			}
		}
	}
}

var _ = strings.Contains
var _ = time.Second
