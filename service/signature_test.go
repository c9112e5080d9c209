package service_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/signature"
)

// Grid has the signatures of signature/testdata/getcallargs.py. Its methods return their arguments.
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

// TestGetcallargs compares the results with those of Python's inspect.getcallargs for the same
// calls.
func TestGetcallargs(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../signature/testdata/getcallargs.json")
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

func TestSignatureString(t *testing.T) {
	t.Parallel()
	got := signatures{}
	start(t, service.Config{}, new(Grid), new(Typed), service.Configure(got))
	table := reflect.TypeFor[Grid]().Field(1).Type
	for i := range table.NumField() {
		want := table.Field(i).Tag.Get("trigger")
		name, _, _ := strings.Cut(want, "(")
		if name == "fields" {
			want = "fields(a, b=1)"
		}
		if got[name] != want {
			t.Errorf("got %s, want %s", got[name], want)
		}
	}
	for name, want := range map[string]string{
		"struct": "struct(id, limit=10, Offset=0, Name=None, when=None, labels=['a'])",
		"decode": "decode(n, *rest, s=None, **opts)",
	} {
		if got[name] != want {
			t.Errorf("got %s, want %s", got[name], want)
		}
	}
}

// Probe is an entrypoint whose method Entrypoint is a function of the test.
type Probe struct{}

type probe func(*service.Row) error

func (Probe) Entrypoint(r *service.Row) (service.Entrypoint, error) {
	p, _ := service.Lookup[probe](r.Host)
	return &nop{}, p(r)
}

type probed struct {
	_ service.Name `service:"probed"`

	Entrypoints struct{ Any Probe }
}

func (*probed) Any(_ context.Context, a any) (any, error) { return a, nil }

// Typed has parameters of many types, with their defaults.
type Typed struct {
	_ service.Name `service:"typed"`

	Entrypoints struct {
		List   Trigger `trigger:"list(i=1, u=18446744073709551615, f=2, s='x', p=None, q=3, l=[1, 2], m={'a': 1}, d='P', v=[1], *, k=[])"`
		Struct Trigger `trigger:"struct"`
		Decode Trigger `trigger:"decode(n, *rest, s=None, **opts)"`
		Error  Trigger `trigger:"error"`
	}
}

type upper string

func (u *upper) UnmarshalText(text []byte) error {
	*u = upper(strings.ToUpper(string(text)))
	return nil
}

func (*Typed) List(_ context.Context, i int8, u uint64, f float64, s string, p, q *int, l []int, m map[string]int, d upper, v any, k []string) ([]any, error) {
	defer func() { l[0], m["a"] = 100, 100 }() // the next call's defaults are its own
	return []any{i, u, f, s, p, q, slices.Clone(l), maps.Clone(m), d, v, k}, nil
}

type paging struct {
	Limit  int `json:"limit" default:"10"`
	Offset int `json:",omitempty"`
}

type typedArgs struct {
	ID int `json:"id"`
	paging
	Name   *string
	When   time.Time `json:"when,omitzero"`
	Labels []string  `json:"labels" default:"['a']"`
	Skip   int       `json:"-"`
	own    int
}

func (*Typed) Struct(_ context.Context, args *typedArgs) ([]any, error) {
	return []any{args.ID, args.Limit, args.Offset, args.Name, args.When.IsZero(), args.Labels, args.own}, nil
}

func (*Typed) Decode(_ context.Context, n int, rest []bool, s *string, opts map[string]float64) error {
	return nil
}

func (*Typed) Error(context.Context) error { return io.EOF }

func TestParameters(t *testing.T) {
	t.Parallel()
	_, all := start(t, service.Config{}, new(Typed))
	for _, tc := range []struct {
		name string
		args []any
		want string
	}{
		{"list", nil, `[1,18446744073709551615,2,"x",null,3,[1,2],{"a":1},"P",[1],[]]`},
		{"list", nil, `[1,18446744073709551615,2,"x",null,3,[1,2],{"a":1},"P",[1],[]]`},
		{"list", []any{2, 3, 4, "y", 5, 6, []int{7}, map[string]int{"a": 8}, "z", nil, kw{"k", []string{"k"}}}, `[2,3,4,"y",5,6,[7],{"a":8},"Z",null,["k"]]`},
		{"struct", []any{1}, `[1,10,0,null,true,["a"],0]`},
		{"struct", []any{kw{"Offset", 5, "id", 1, "Name", "n", "labels", nil}}, `[1,10,5,"n",true,null,0]`},
		{"struct", []any{1, 2, 3, "n", "2026-11-21T00:00:00Z", []string{}}, `[1,2,3,"n",false,[],0]`},
		{"struct", []any{kw{"Skip", 5, "id", 1}}, "struct() got an unexpected keyword argument 'Skip'"},
		{"struct", []any{kw{"own", 5, "id", 1}}, "struct() got an unexpected keyword argument 'own'"},
		{"struct", []any{"x"}, "struct() argument 'id' must be int: json: "},
		{"struct", []any{1, kw{"labels", 1}}, "struct() argument 'labels' must be list: json: "},
		{"struct", []any{1, kw{"Name", 1}}, "struct() argument 'Name' must be str or None: json: "},
		{"struct", []any{1, kw{"when", 1}}, "struct() argument 'when' must be time.Time: "},
		{"decode", []any{1, true, 5}, "decode() argument 'rest' must be bool: json: "},
		{"decode", []any{1, kw{"z", "z"}}, "decode() argument 'z' must be float: json: "},
		{"decode", []any{1}, "null"},
		{"error", nil, "EOF"},
		{"error", []any{1}, "error() takes 1 positional argument but 2 were given"},
	} {
		result, err := all.fire(t.Context(), "typed."+tc.name, tc.args...)
		text, _ := json.Marshal(result)
		got := string(text)
		if err != nil {
			got = err.Error()
			var misfit *signature.Error
			if errors.As(err, &misfit) != (err != io.EOF) {
				t.Errorf("%s(%v): got a %T, want a *signature.Error", tc.name, tc.args, err)
			}
		}
		if got != tc.want && (err == nil || !strings.HasPrefix(got, tc.want)) {
			t.Errorf("%s(%v):\n got %s\nwant %s", tc.name, tc.args, got, tc.want)
		}
	}
}
