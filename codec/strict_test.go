package codec_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/codec/msgpack"
)

type line struct {
	Product  string   `json:"product"`
	Quantity int      `json:"quantity"`
	Price    *float64 `json:"price"`
	Note     string   `json:"note,omitempty"`
	Packed   bool     `json:"packed,omitzero"`
	Unit     string   `json:"unit" default:"'piece'"`
	Packs    int      `json:"packs" default:"1"`
	Tags     []string `json:"tags" default:"['new']"`
}

type base struct {
	ID int `json:"id"`
}

type audit struct {
	By string `json:"by"`
}

// ownRules decides itself what it requires.
type ownRules struct{ A, B int }

func (o *ownRules) UnmarshalJSON(data []byte) error { return json.Unmarshal(data, &o.A) }

type basket struct {
	base
	*audit
	Lines  []line          `json:"lines"`
	ByName map[string]line `json:"by_name,omitempty"`
	Pair   [2]line         `json:"pair,omitzero"`
	First  *line           `json:"first"`
	Any    any             `json:"any,omitempty"`
	Own    ownRules        `json:"own,omitzero"`
	Due    time.Time       `json:"due,omitzero"`
	Plain  string          `json:"-"`
}

// A missing member is an error at every depth, in JSON and in msgpack.
func TestDecodeStrict(t *testing.T) {
	t.Parallel()
	const whole = `{"product": "tea", "quantity": 1}`
	for data, want := range map[string]string{
		`{"id": 1, "lines": []}`: "",
		`{"id": 1, "lines": [` + whole + `, ` + whole + `], "by_name": {"x": ` + whole + `}, "first": ` + whole + `, "any": {}, "own": 5}`: "",
		`{"ID": 1, "LINES": null, "unknown": {}}`: "",
		`{}`:        "id: is missing",
		`{"id": 1}`: "lines: is missing",
		`{"id": 1, "lines": [` + whole + `, {"product": "tea"}]}`: "lines[1].quantity: is missing",
		`{"id": 1, "lines": [{"quantity": 1}]}`:                   "lines[0].product: is missing",
		`{"id": 1, "lines": [], "first": {}}`:                     "first.product: is missing",
		`{"id": 1, "lines": [], "pair": [{}]}`:                    "pair[0].product: is missing",
		`{"id": 1, "lines": [], "by_name": {"a b": {}}}`:          `by_name["a b"].product: is missing`,
		`{"id": 1, "lines": [{"product": 7}]}`:                    "lines[0].product: a number does not fit string",
	} {
		var v any
		if err := codec.JSON.Decode([]byte(data), &v); err != nil {
			t.Fatal(err)
		}
		packed, err := msgpack.Codec.Encode(v)
		if err != nil {
			t.Fatal(err)
		}
		for name, body := range map[codec.Codec][]byte{codec.JSON: []byte(data), msgpack.Codec: packed} {
			var into basket
			err := codec.DecodeStrict(name, body, &into)
			got := ""
			if err != nil {
				got = err.Error()
			}
			if got != want {
				t.Errorf("%s of %s: got %q, want %q", name.ContentType(), data, got, want)
			}
			var where *codec.ValueError
			if errors.As(err, &where) && where.Missing != strings.HasSuffix(want, "missing") {
				t.Errorf("%s: got Missing %t for %v", data, where.Missing, err)
			}
			if strings.HasSuffix(want, "missing") {
				if err := name.Decode(body, new(basket)); err != nil {
					t.Errorf("%s: Decode requires members: %v", data, err)
				}
			}
		}
	}
}

// Defaults apply to missing members but not to null, and each value has its own copy.
func TestDecodeStrictDefaults(t *testing.T) {
	t.Parallel()
	var two [2]line
	if err := codec.DecodeStrict(codec.JSON, []byte(`[{"product": "tea", "quantity": 1}, {"product": "tea", "quantity": 2, "unit": "kg", "tags": null}]`), &two); err != nil {
		t.Fatal(err)
	}
	want := [2]line{{Product: "tea", Quantity: 1, Unit: "piece", Packs: 1, Tags: []string{"new"}}, {Product: "tea", Quantity: 2, Unit: "kg", Packs: 1}}
	if !reflect.DeepEqual(two, want) {
		t.Errorf("got %+v, want %+v", two, want)
	}
	var other line
	if err := codec.DecodeStrict(codec.JSON, []byte(`{"product": "tea", "quantity": 1}`), &other); err != nil {
		t.Fatal(err)
	}
	if other.Tags[0] = "old"; two[0].Tags[0] != "new" {
		t.Error("two values share a default")
	}
	if err := codec.JSON.Decode([]byte(`{}`), &other); err != nil || other.Unit != "piece" {
		t.Errorf("Decode changed a field without a member: %+v, %v", other, err)
	}
}

// Structs with more fields than a word has bits are checked too.
func TestDecodeStrictManyFields(t *testing.T) {
	t.Parallel()
	fields := make([]reflect.StructField, 130)
	all := make([]string, len(fields))
	for i := range fields {
		fields[i] = reflect.StructField{Name: fmt.Sprintf("F%d", i), Type: reflect.TypeFor[int]()}
		all[i] = fmt.Sprintf(`"F%d": 1`, i)
	}
	into := reflect.New(reflect.StructOf(fields))
	decode := func(members []string) error {
		return codec.DecodeStrict(codec.JSON, []byte("{"+strings.Join(members, ",")+"}"), into.Interface())
	}
	if err := decode(all); err != nil {
		t.Error(err)
	}
	if err := decode(append(all[:128:128], all[129], all[129])); err == nil || err.Error() != "F128: is missing" {
		t.Errorf("got %v, want that F128 is missing", err)
	}
}

// fourMethods is a codec that was not made by New.
type fourMethods struct{ codec.Codec }

func TestDecodeStrictOtherCodec(t *testing.T) {
	t.Parallel()
	if err := codec.DecodeStrict(fourMethods{codec.JSON}, []byte(`{}`), new(base)); err != nil {
		t.Errorf("got %v, want no rule", err)
	}
}
