package service_test

import (
	"context"
	"errors"
	"math/big"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/golden"
	"github.com/gomeko/gomeko/service"
)

var intType = reflect.TypeFor[int]()

// Gift is a dependency.
type Gift struct{}

func (Gift) Dependency(f *service.Field) (any, error) { return Gift{}, f.Tag.Keys("gift") }

// Broken is a dependency that returns a value of another type.
type Broken struct{}

func (Broken) Dependency(*service.Field) (any, error) { return 1, nil }

// Lazy is an entrypoint that binds nothing.
type Lazy struct{}

func (Lazy) Entrypoint(*service.Row) (service.Entrypoint, error) { return &nop{}, nil }

// Handler is an entrypoint whose methods take an int before the arguments.
type Handler struct{}

func (Handler) Entrypoint(r *service.Row) (service.Entrypoint, error) {
	return &nop{}, errors.Join(r.Tag.Keys("handler"), second(r.Bind(r.Tag.Get("handler"), intType)))
}

type (
	nameless  struct{}
	emptyName struct {
		_ service.Name `service:""`
	}
	spacedName struct {
		_ service.Name `service:"order service"`
	}
	starName struct {
		_ service.Name `service:"*"`
	}
	controlName struct {
		_ service.Name `service:"a\tb\x7f\xff"`
	}
	dotName struct {
		_ service.Name `service:".orders"`
	}
	twoNames struct {
		_ service.Name `service:"a"`
		_ service.Name `service:"b"`
	}
	fieldName struct {
		Name service.Name `service:"named"`
	}
	nameKeys struct {
		_ service.Name `service:"keys" servcie:"keys"`
	}
	first struct {
		_ service.Name `service:"double"`
	}
	second_ struct {
		_ service.Name `service:"double"`
	}
	noTable struct {
		_           service.Name `service:"no_table"`
		Entrypoints []Trigger
		Get         Trigger `trigger:"get"`
		Gift        Gift    `gfit:"x"`
		gift        Gift
		Broken      Broken
	}
	otherTable struct {
		_          service.Name `service:"other_table"`
		Entrypoint struct {
			Get Trigger `trigger:"get"`
		}
		entrypoints *struct {
			Get Trigger `trigger:"get"`
		}
		Users usersFuncs
		Set   usersFuncs
		users *usersFuncs
		Hooks struct{ Log func(string) }
	}
	usersFuncs struct {
		Get  func(context.Context, int) (string, error)
		Find func(context.Context) error
	}
	base struct {
		_           service.Name `service:"base"`
		Entrypoints struct{}
		Gift        Gift `x:"y"`
	}
	derived struct {
		_ service.Name `service:"derived"`
		base
	}
)

// presents is a struct that a dependency makes. marks uses it wrongly.
type (
	presents struct {
		_ Gift `gift:"x"`
	}
	typos struct {
		_ Gift `gfit:"x"`
	}
	marks struct {
		_ service.Name `service:"marks"`

		Entrypoints struct{ Row presents }
		Pointer     *presents
		Tagged      presents `gift:"y"`
		hidden      presents
		Typo        typos
		Unmade      presents
	}
)

// rows has mistakes of the table.
type rows struct {
	_ service.Name `service:"rows"`

	Entrypoints struct {
		Text       string
		Gift       Gift     `gift:""`
		Pointer    *Trigger `trigger:"fetch" method:"Fetch"`
		GetOrder   Trigger  `trigger:"get_order(order_id, verbose=False, *rest, **opts)"`
		Fetchh     Trigger  `trigger:"fetch"`
		fetch      Trigger  `trigger:"fetch"`
		Lower      Trigger  `trigger:"lower" method:"fetch"`
		NoMethod   Trigger  `trigger:"x" method:""`
		Timeout    Trigger  `trigger:"fetch" method:"Fetch" timeout:"5"`
		Negative   Trigger  `trigger:"fetch" method:"Fetch" timeout:"-5s"`
		Secret     Trigger  `trigger:"two(password, b)" method:"Two" sensitive:"pasword, b[x]"`
		Nobody     Trigger  `trigger:"fetch" method:"Fetch" max_workers:"0"`
		Key        Trigger  `trigger:"fetch" method:"Fetch" timout:"5s"`
		Keys       Trigger  `triger:"fetch" method:"Fetch" color:"red"`
		Twice      Trigger  `trigger:"fetch" trigger:"fetch"`
		Lazy       Lazy     `lazy:"x" method:"Fetch"`
		Lead       Handler  `handler:"lead" method:"Fetch"`
		LeadTwo    Handler  `handler:"lead(order_id)" method:"Fetch" hander:"x"`
		Context    Trigger  `trigger:"context"`
		NoResult   Trigger  `trigger:"no_result"`
		NoError    Trigger  `trigger:"no_error(a)"`
		ThreeBack  Trigger  `trigger:"three"`
		TooFew     Trigger  `trigger:"two(a)" method:"Two"`
		TooMany    Trigger  `trigger:"two(a, b, c)" method:"Two"`
		NoList     Trigger  `trigger:"two" method:"Two"`
		Time       Trigger  `trigger:"time"`
		Big        Trigger  `trigger:"big"`
		Int        Trigger  `trigger:"int"`
		Opaque     Trigger  `trigger:"opaque"`
		EmptyList  Trigger  `trigger:"two()" method:"Two"`
		RestInt    Trigger  `trigger:"two(a, *b)" method:"Two"`
		OptsInt    Trigger  `trigger:"two(a, **b)" method:"Two"`
		BadDefault Trigger  `trigger:"two(a='x', b=None)" method:"Two"`
		Overflow   Trigger  `trigger:"small(a=300)" method:"Small"`
		Fraction   Trigger  `trigger:"small(a=2.5)" method:"Small"`
		Struct     Trigger  `trigger:"struct" method:"Struct"`
		Members    Trigger  `trigger:"members(list, named)" method:"Members"`
		Forgiving  Trigger  `trigger:"members(list, named)" method:"Members" lenient:"true"`
		Lenient    Trigger  `trigger:"fetch" method:"Fetch" lenient:"very"`
	}

	Mutex  sync.Mutex
	Ptr    *sync.Mutex
	Nested struct {
		Deep [2]struct{ n atomic.Int64 }
	}
	sync.Once
	Own ownLock
}

type ownLock struct{ n int }

func (*ownLock) Lock()   {}
func (*ownLock) Unlock() {}

func (*rows) Fetch(context.Context) error                                   { return nil }
func (*rows) Context(int) error                                             { return nil }
func (*rows) NoResult(context.Context)                                      {}
func (*rows) NoError(_ context.Context, _ int) int                          { return 0 }
func (*rows) ThreeBack(context.Context) (int, int, error)                   { return 0, 0, nil }
func (*rows) Two(context.Context, int, bool) error                          { return nil }
func (*rows) Time(context.Context, time.Time) error                         { return nil }
func (*rows) Big(context.Context, *big.Int) error                           { return nil }
func (*rows) Int(context.Context, int) error                                { return nil }
func (*rows) Opaque(context.Context, opaque) error                          { return nil }
func (*rows) Small(context.Context, int8) error                             { return nil }
func (*rows) Members(context.Context, []members, map[string]*members) error { return nil }
func (*rows) Struct(context.Context, *wrongFields) (struct{}, error)        { return struct{}{}, nil }

type opaque struct{ n int }

// members has defaults that do not fit, and one that does. It contains itself.
type members struct {
	Word  string     `default:"word"`
	Count int        `default:"'one'"`
	Limit int        `default:"10"`
	Due   time.Time  `default:"'2024-01-02T03:04:05Z'"`
	Skip  int        `json:"-" default:"x"`
	More  []*members `json:"more,omitempty"`
}

type inner struct{ C int }

type wrongFields struct {
	A int    `json:"a" default:"1"`
	B int    `json:"b"`
	C int    `json:"c" default:"'x'"`
	D int    `json:"d,string"`
	E string `json:"e" default:"None"`
	F bool   `json:"f" default:"true"`
	G []int  `json:"g" default:"[1, 2"`
	H string `json:"h" default:"''" sensitive:"yes"`
	*inner
	Ignored int `json:"-"`
	private int
}

// TestMistakes checks that New reports all mistakes at once, each with its fix.
func TestMistakes(t *testing.T) {
	t.Parallel()
	_, err := service.New(service.Config{MaxWorkers: -1, Middleware: []service.Middleware{nil}},
		nil, first{}, (*first)(nil), new(int),
		new(nameless), new(emptyName), new(spacedName), new(starName), new(controlName), new(dotName), new(twoNames), new(fieldName), new(nameKeys),
		new(first), new(second_), new(noTable), &otherTable{Set: usersFuncs{Find: func(context.Context) error { return nil }}}, new(derived), new(marks), new(rows))
	if err == nil {
		t.Fatal("got no error, want many")
	}
	golden.File(t, "testdata/mistakes.txt", []byte(err.Error()+"\n"))
}

// TestTagMistakes has tags that go vet would reject in a source file.
func TestTagMistakes(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ tag, want string }{
		{`gift`, "service tags: Gift: malformed tag at \"gift\": write key:\"value\" pairs with a space between them"},
		{`gift:x`, "malformed tag at \"gift:x\""},
		{`gift:'x'`, "malformed tag at \"gift:'x'\""},
		{`gift: "x"`, "malformed tag at"},
		{`gift:"x`, "malformed tag at"},
		{`:"x"`, "malformed tag at"},
		{`gift:"\q"`, "malformed tag at"},
		{`gift:"x"gift:"y"`, "malformed tag at \"gift:\\\"y\\\"\""},
		{`gift:"x" gift:"y"`, "the tag has the key gift twice"},
	} {
		typ := reflect.StructOf([]reflect.StructField{
			{Name: "Name", Type: reflect.TypeFor[service.Name](), Tag: `service:"tags"`},
			{Name: "Gift", Type: reflect.TypeFor[Gift](), Tag: reflect.StructTag(tc.tag)},
		})
		_, err := service.New(service.Config{}, reflect.New(typ).Interface())
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("tag %s: got %v, want %s", tc.tag, err, tc.want)
		}
	}
}

// A flag is true, false, or missing.
func TestFlag(t *testing.T) {
	t.Parallel()
	tag, err := service.ParseTag(`on:"true" off:"false" one:"1" empty:"" maybe:"maybe"`)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		key       string
		want      bool
		fallsBack bool
		err       string
	}{
		{key: "on", want: true},
		{key: "off"},
		{key: "one", want: true},
		{key: "empty", fallsBack: true},
		{key: "none", fallsBack: true},
		{key: "maybe", fallsBack: true, err: `maybe: must be "true" or "false", not "maybe"`},
	} {
		for _, fallback := range []bool{true, false} {
			want := tc.want
			if tc.fallsBack {
				want = fallback
			}
			got, err := tag.Flag(tc.key, fallback)
			if got != want || (err == nil) != (tc.err == "") || err != nil && err.Error() != tc.err {
				t.Errorf("%s or %t: got %t, %v, want %t, %s", tc.key, fallback, got, err, want, tc.err)
			}
		}
	}
}

func second[A any](_ A, err error) error { return err }
