package codec_test

import (
	"fmt"
	"io"
	"math/big"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/google/uuid"

	"github.com/gomeko/gomeko/codec"
)

type (
	listener struct {
		Name   string
		Notify func(string) error
		Notes  []*note `json:"notes"`
		next   func()  //nolint:unused // it is not exported
	}
	note struct {
		Done   []chan int
		Of     *listener
		Hidden func()       `json:"-"`
		Spared func()       `json:"spared,omitempty"`
		Reader io.Reader    `json:"reader,omitzero"`
		Cells  map[cell]int `json:"cells"`
	}
	cell     struct{ X, Y int }
	square   struct{ cell }
	endless  []endless
	chain    *chain
	branches map[string]branches
	clock    func() time.Time
	leaf     struct{ Done chan int }
	embedded struct {
		leaf
		Value any
	}
)

func (square) MarshalText() ([]byte, error)    { return nil, nil }
func (*square) UnmarshalText(b []byte) error   { return nil }
func (clock) MarshalJSON() ([]byte, error)     { return []byte("0"), nil }
func (*clock) UnmarshalJSON(data []byte) error { return nil }

const noteMistakes = `
V note.Done is a []chan int, which cannot be C: tag it json:"-"
V note.Of.Notify is a func(string) error, which cannot be C: tag it json:"-"
V note.Cells is a map[codec_test.cell]int, whose keys cannot be C: use keys that are strings, numbers or bools, or give codec_test.cell the method M`

// TestCheckTypes checks types that can never be encoded or decoded.
func TestCheckTypes(t *testing.T) {
	for _, c := range []struct {
		typ            reflect.Type
		encode, decode string // "same" is the text of encode about decoding
	}{
		{reflect.TypeFor[func()](), `V is a func(), which cannot be C: use a type that holds data`, "same"},
		{reflect.TypeFor[**[]chan int](), `V is a **[]chan int, which cannot be C: use a type that holds data`, "same"},
		{reflect.TypeFor[complex64](), `V is a complex64, which cannot be C: use a type that holds data`, "same"},
		{reflect.TypeFor[unsafe.Pointer](), `V is an unsafe.Pointer, which cannot be C: use a type that holds data`, "same"},
		{reflect.TypeFor[note](), noteMistakes, "same"},
		{reflect.TypeFor[map[string][]*note](), noteMistakes, "same"},
		{reflect.TypeFor[embedded](), `V embedded.Done is a chan int, which cannot be C: tag it json:"-"`, "same"},
		{reflect.TypeFor[struct{ F func() }](), `V F is a func(), which cannot be C: tag it json:"-"`, "same"},
		{reflect.TypeFor[struct{ A, B []func() }](), `
V A is a []func(), which cannot be C: tag it json:"-"
V B is a []func(), which cannot be C: tag it json:"-"`, "same"},
		{reflect.TypeFor[map[*string]bool](), `V is a map[*string]bool, whose keys cannot be C: use keys that are strings, numbers or bools, or give *string the method M`, "same"},
		{reflect.TypeFor[io.Reader](), "", `V is an io.Reader, an interface with methods, which cannot be C: use any, or a type that is not an interface`},
		{reflect.TypeFor[struct{ Err error }](), "", `V Err is an error, an interface with methods, which cannot be C: use any, or a type that is not an interface`},
		{reflect.TypeFor[map[fmt.Stringer]int](), "", `V is a map[fmt.Stringer]int, whose keys cannot be C: use keys that are strings, numbers or bools, or give fmt.Stringer the method M`},

		{reflect.TypeFor[any](), "", ""},
		{reflect.TypeFor[endless](), "", ""},
		{reflect.TypeFor[chain](), "", ""},
		{reflect.TypeFor[branches](), "", ""},
		{reflect.TypeFor[clock](), "", ""},
		{reflect.TypeFor[map[square]*clock](), "", ""},
		{reflect.TypeFor[map[any][]any](), "", ""},
		{reflect.TypeFor[map[bool]map[uint8]map[float32]uuid.UUID](), "", ""},
		{reflect.TypeFor[struct {
			A big.Int
			B *big.Float
			C time.Time
			D codec.Decimal
			E netip.Addr
			F [2]uintptr
		}](), "", ""},
	} {
		same := c.decode == "same"
		if same {
			c.decode = c.encode
		}
		words := func(text, verb, method string) string {
			return strings.TrimSpace(strings.NewReplacer("V ", "result ", "be C", "be "+verb, "method M", "method "+method).Replace(text))
		}
		all := codec.Set{codec.JSON, codec.TypedJSON}
		if got, want := errorText(all.CheckEncode("result", "", c.typ)), words(c.encode, "encoded", "MarshalText"); got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.typ, got, want)
		}
		if got, want := errorText(all.CheckDecode("result", "", c.typ)), words(c.decode, "decoded", "UnmarshalText"); got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.typ, got, want)
		}
	}
	if got, want := errorText(codec.Set{codec.JSON}.CheckDecode("parameter", "user", reflect.TypeFor[[]struct{ F func() }]())),
		`parameter user.F is a func(), which cannot be decoded: tag it json:"-"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	foreign := codec.Set{codec.JSON, struct{ codec.Codec }{codec.JSON}}
	if err := foreign.CheckEncode("result", "", reflect.TypeFor[complex64]()); err != nil {
		t.Errorf("got %v for a codec that may encode it", err)
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
