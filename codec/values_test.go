package codec_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/codec/msgpack"
)

var id = uuid.MustParse("12345678-1234-5678-1234-567812345678")

// money is a type that marshals itself. Decimal is the decimal type of a library.
type (
	money   struct{ cents int }
	Decimal struct{ text string }
)

func (m money) MarshalJSON() ([]byte, error) {
	return fmt.Appendf(nil, `{"cents": %d, "of": [1, {"two": 2.0}]}`, m.cents), nil
}

func (m *money) UnmarshalJSON(data []byte) error {
	var v struct{ Cents int }
	err := json.Unmarshal(data, &v)
	m.cents = v.Cents
	return err
}

func (d Decimal) MarshalJSON() ([]byte, error) { return json.Marshal(d.text) }

func (d *Decimal) UnmarshalJSON(data []byte) error { return json.Unmarshal(data, &d.text) }

// values are Go values, with their JSON as kombu 5.2 and as later versions write it.
var values = []struct {
	value       any
	json, typed string // typed is json if it is ""
}{
	{time.Date(2024, 1, 2, 3, 4, 5, 678901999, time.UTC), `"2024-01-02T03:04:05.678901Z"`, `{"__type__":"datetime","__value__":"2024-01-02T03:04:05.678901+00:00"}`},
	{time.Date(2024, 1, 2, 3, 4, 5, 0, codec.Naive), `"2024-01-02T03:04:05"`, `{"__type__":"datetime","__value__":"2024-01-02T03:04:05"}`},
	{time.Date(2024, 1, 2, 3, 4, 5, 0, time.FixedZone("", -5*3600-1800)), `"2024-01-02T03:04:05-05:30"`, `{"__type__":"datetime","__value__":"2024-01-02T03:04:05-05:30"}`},
	{time.Date(1900, 1, 2, 3, 4, 5, 0, time.FixedZone("LMT", 1172)), `"1900-01-02T03:04:05+00:19:32"`, `{"__type__":"datetime","__value__":"1900-01-02T03:04:05+00:19:32"}`},
	{codec.Date{Year: 2024, Month: 1, Day: 2}, `"2024-01-02T00:00:00"`, `{"__type__":"date","__value__":"2024-01-02"}`},
	{codec.TimeOfDay{Hour: 3, Minute: 4, Second: 5}, `"03:04:05"`, `{"__type__":"time","__value__":"03:04:05"}`},
	{codec.TimeOfDay{Hour: 3, Microsecond: 6}, `"03:00:00.000006"`, `{"__type__":"time","__value__":"03:00:00.000006"}`},
	{codec.Decimal("12.340"), `"12.340"`, `{"__type__":"decimal","__value__":"12.340"}`},
	{Decimal{"12.340"}, `"12.340"`, `{"__type__":"decimal","__value__":"12.340"}`},
	{id, `"12345678-1234-5678-1234-567812345678"`, `{"__type__":"uuid","__value__":{"hex":"12345678123456781234567812345678"}}`},
	{[]byte("é"), `"w6k="`, `{"__type__":"bytes","__value__":"é"}`},
	{[]byte{0, 0xff}, `"AP8="`, `{"__type__":"base64","__value__":"AP8="}`},
	{money{5}, `{"cents": 5, "of": [1, {"two": 2.0}]}`, ""},
	{netip.MustParseAddr("::1"), `"::1"`, ""},
	{json.RawMessage(`{"a":[1,2.0,null]}`), `{"a":[1,2.0,null]}`, ""},
	{map[string]any{"a": []any{nil, true, "x", json.Number("2.0"), json.Number("2"), math.Inf(-1)}}, `{"a":[null,true,"x",2.0,2,-Infinity]}`, ""},
	{map[codec.Date]int{{Year: 2024, Month: 1, Day: 2}: 1}, `{"2024-01-02":1}`, ""},
	{map[int8]uint8{-1: 255}, `{"-1":255}`, ""},
	{map[bool]float32{true: 0.1}, `{"true":0.1}`, ""},
	{[2]*int{new(int), nil}, `[0,null]`, ""},
	{uint64(math.MaxUint64), `18446744073709551615`, ""},
	{int64(math.MinInt64), `-9223372036854775808`, ""},
	{*big.NewInt(70), `70`, ""},
	{[]time.Time{}, `[]`, ""},
}

// TestValues checks that each value is encoded as kombu does, and can be decoded again.
func TestValues(t *testing.T) {
	t.Parallel()
	for _, test := range values {
		typed := test.typed
		if typed == "" {
			typed = test.json
		}
		for _, c := range []struct {
			codec codec.Codec
			want  string
		}{{codec.JSON, test.json}, {codec.TypedJSON, typed}, {msgpack.Codec, ""}, {lines, ""}} {
			data, err := c.codec.Encode(test.value)
			if err != nil || c.want != "" && string(data) != c.want {
				t.Errorf("%#v: got %s, %v, want %s", test.value, data, err, c.want)
				continue
			}
			for _, reader := range []codec.Codec{c.codec, codec.JSON} {
				if reader.ContentType() != c.codec.ContentType() {
					continue
				}
				got := reflect.New(reflect.TypeOf(test.value))
				if err := reader.Decode(data, got.Interface()); err != nil {
					t.Errorf("%s: %v", data, err)
				} else if !alike(got.Elem().Interface(), test.value) {
					t.Errorf("%s: got %#v, want %#v", data, got.Elem().Interface(), test.value)
				}
			}
		}
	}
}

// alike reports whether got and want are equal, comparing times to the microsecond and with their
// zones, and JSON without its spaces.
func alike(got, want any) bool {
	if want, ok := want.(time.Time); ok {
		got, want := got.(time.Time), want.Truncate(time.Microsecond)
		_, gotZone := got.Zone()
		_, wantZone := want.Zone()
		return got.Equal(want) && gotZone == wantZone && (got.Location() == codec.Naive) == (want.Location() == codec.Naive)
	}
	if want, ok := want.(json.RawMessage); ok {
		return strings.ReplaceAll(string(got.(json.RawMessage)), " ", "") == string(want)
	}
	return reflect.DeepEqual(got, want)
}

// An envelope becomes the Go type of its value in an any. Other types decode the string that kombu
// 5.2 writes for it. An unknown envelope is an object.
func TestEnvelopes(t *testing.T) {
	t.Parallel()
	const hex = `{"hex":"12345678123456781234567812345678"}`
	tests := []struct {
		kind, value string
		want        any // of the type to decode into; nil for an any
		any         any // nil for the object
	}{
		{"datetime", `"2024-01-02T03:04:05+00:00"`, "2024-01-02T03:04:05+00:00", time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC)},
		{"datetime", `"2024-01-02T03:04:05"`, codec.Date{}, time.Date(2024, 1, 2, 3, 4, 5, 0, codec.Naive)},
		{"date", `"2024-01-02"`, time.Date(2024, 1, 2, 0, 0, 0, 0, codec.Naive), codec.Date{Year: 2024, Month: 1, Day: 2}},
		{"time", `"03:04:05"`, "03:04:05", codec.TimeOfDay{Hour: 3, Minute: 4, Second: 5}},
		{"time", `"03:04:05+01:00"`, "03:04:05+01:00", nil},
		{"decimal", `"1E+3"`, Decimal{"1E+3"}, codec.Decimal("1E+3")},
		{"decimal", `"1,5"`, "1,5", nil},
		{"uuid", hex, "12345678-1234-5678-1234-567812345678", id},
		{"uuid", hex, id, id},
		{"uuid", `"x"`, map[string]any{"__type__": "uuid", "__value__": "x"}, nil},
		{"bytes", `"é"`, "é", []byte("é")},
		{"base64", `"/w=="`, []byte{0xff}, []byte{0xff}},
		{"odd", `[1]`, map[string]any{"__type__": "odd", "__value__": []any{json.Number("1")}}, nil},
		{"datetime", `"soon"`, map[string]string{"__type__": "datetime", "__value__": "soon"}, nil},
	}
	for _, test := range tests {
		for _, data := range []string{
			fmt.Sprintf(`{"__type__": %q, "__value__": %s}`, test.kind, test.value),
			fmt.Sprintf(` {"__value__": %s, "__type__": %q}`, test.value, test.kind),
		} {
			var v any
			if err := codec.JSON.Decode([]byte(data), &v); err != nil {
				t.Errorf("%s: %v", data, err)
			} else if object, ok := v.(map[string]any); test.any == nil && (!ok || len(object) != 2) || test.any != nil && !alike(v, test.any) {
				t.Errorf("%s: got %#v, want %#v", data, v, test.any)
			}
			got := reflect.New(reflect.TypeOf(test.want))
			err := codec.JSON.Decode([]byte(data), got.Interface())
			if test.want == (any)(codec.Date{}) {
				if want := `"2024-01-02T03:04:05" is not a date, such as 2024-01-02`; err == nil || err.Error() != want {
					t.Errorf("%s: got %v, want %s", data, err, want)
				}
			} else if err != nil || !alike(got.Elem().Interface(), test.want) {
				t.Errorf("%s: got %#v, %v, want %#v", data, got.Elem().Interface(), err, test.want)
			}
		}
	}
	for _, data := range []string{`{}`, `{"__type__": "date"}`, `{"__type__": "date", "__value__": "2024-01-02", "x": 1}`, `{"x": 1}`, `{"__type__": 1, "__value__": 2}`} {
		var text string
		if err := codec.JSON.Decode([]byte(data), &text); err == nil || err.Error() != "an object does not fit string" {
			t.Errorf("%s: got %q, %v, want that it does not fit", data, text, err)
		}
	}
}

// Structs are encoded and decoded as encoding/json does, except for floats.
func TestStructsAreThoseOfEncodingJSON(t *testing.T) {
	t.Parallel()
	type base struct {
		A, B int
		Same string
	}
	type Pointer struct {
		C    *int `json:"c,omitempty"`
		Same string
	}
	type tagged struct {
		D string `json:"B"`
	}
	type all struct {
		base
		*Pointer
		tagged
		E     time.Duration     `json:"e,omitzero"`
		F     map[string]string `json:",omitempty"`
		G     []int             `json:"g,omitempty"`
		H     int               `json:"h,string"`
		I     *bool             `json:"i,string"`
		J     struct{}          `json:"-"`
		K     time.Time         `json:"k,omitzero"`
		L     any               `json:"l,omitempty"`
		named base
	}
	yes := true
	for _, v := range []any{
		all{}, all{base: base{1, 2, "x"}, tagged: tagged{"d"}, E: 1, H: 7, I: &yes, named: base{}},
		all{Pointer: &Pointer{C: new(int), Same: "y"}, F: map[string]string{"a": "b"}, G: []int{1}, L: "x", K: time.Unix(0, 0).UTC()},
	} {
		want, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		got, err := codec.JSON.Encode(v)
		if err != nil || string(got) != string(want) {
			t.Errorf("got %s, %v, want %s", got, err, want)
		}
		var ours, theirs all
		if err := errors.Join(codec.JSON.Decode(want, &ours), json.Unmarshal(want, &theirs)); err != nil || !reflect.DeepEqual(ours, theirs) {
			t.Errorf("%s: got %#v, %v, want %#v", want, ours, err, theirs)
		}
		packed, err := msgpack.Codec.Encode(v)
		ours = all{}
		if err := errors.Join(err, msgpack.Codec.Decode(packed, &ours)); err != nil || !reflect.DeepEqual(ours, theirs) {
			t.Errorf("%x: got %#v, %v, want %#v", packed, ours, err, theirs)
		}
	}
}

// Decoding into a value replaces its slices and maps: their earlier contents are neither kept nor
// overwritten.
func TestDecodeReplaces(t *testing.T) {
	t.Parallel()
	shared := []int{1, 2, 3}
	v := struct {
		List []int
		Map  map[string]int
		Rest string
	}{shared, map[string]int{"old": 1}, "stays"}
	if err := codec.JSON.Decode([]byte(`{"list": [7], "map": {"a": 1}, "map": {"b": 2}}`), &v); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(v, shared); got != "{[7] map[b:2] stays} [1 2 3]" {
		t.Errorf("got %s", got)
	}
}
