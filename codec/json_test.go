package codec_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/codec/msgpack"
)

func TestJSONEncode(t *testing.T) {
	t.Parallel()
	type inner struct{ Price float64 }
	type order struct {
		inner
		ID    int             `json:"id"`
		Rate  *float32        `json:"rate,omitempty"`
		Text  float64         `json:"text,string"`
		Raw   json.RawMessage `json:"raw"`
		Any   any             `json:"any"`
		Plain string          `json:"-"`
	}
	rate := float32(3)
	tests := []struct {
		value any
		want  string
	}{
		{nil, `null`},
		{2, `2`},
		{2.0, `2.0`},
		{-1e16, `-1e+16`}, // as Python's repr
		{1e300, `1e+300`},
		{123456789012345.0, `123456789012345.0`},
		{0.0001, `0.0001`},
		{0.00001, `1e-05`},
		{float32(0.1), `0.1`},
		{math.NaN(), `NaN`},
		{[]float64{math.Inf(1), math.Inf(-1)}, `[Infinity,-Infinity]`},
		{json.Number("NaN"), `NaN`},
		{json.Number(""), `0`},
		{new(big.Int).Lsh(big.NewInt(1), 64), `18446744073709551616`},
		{*big.NewInt(7), `7`},
		{math.Copysign(0, -1), `-0.0`},
		{json.Number("2"), `2`},
		{json.Number("2.0"), `2.0`},
		{"<a&b>", `"<a&b>"`},
		{"é\t", `"é\t"`},
		{[]any{1, 1.0, "1", []float32{1}, nil}, `[1,1.0,"1",[1.0],null]`},
		{map[string]any{"b": 1.0, "a": 1, "}": []any{}}, `{"a":1,"b":1.0,"}":[]}`},
		{map[int]float64{7: 7}, `{"7":7.0}`},
		{map[bool]int{true: 1, false: 0}, `{"false":0,"true":1}`},
		{map[any]int{nil: 1, true: 2, 2.5: 3, 7: 4, "x": 5}, `{"2.5":3,"7":4,"null":1,"true":2,"x":5}`},
		{time.Unix(0, 0).UTC(), `"1970-01-01T00:00:00Z"`},
		{"\xed\xa0\xbd", `"\ud83d"`}, // a lone surrogate
		{"\x00\x1f\x7f\u2028🚀", "\"\\u0000\\u001f\x7f\u2028🚀\""},
		{order{inner{1}, 1, &rate, 2, json.RawMessage(`2`), 4.0, "x"},
			`{"Price":1.0,"id":1,"rate":3.0,"text":"2.0","raw":2,"any":4.0}`},
	}
	for _, test := range tests {
		got, err := codec.JSON.Encode(test.value)
		if err != nil || string(got) != test.want {
			t.Errorf("%#v: got %s, %v, want %s", test.value, got, err, test.want)
		}
	}
	circle := []any{nil}
	circle[0] = circle
	for want, value := range map[string]any{
		"chan int is not data":                                       make(chan int),
		"a[0]: func() is not data":                                   map[string]any{"a": []func(){nil}},
		`"\xff" is not valid UTF-8: use []byte for bytes`:            "\xff",
		`"2x" is not a number`:                                       json.Number("2x"),
		"nested deeper than 10000: does it contain itself?":          circle,
		"struct {} cannot be a key: use a string, number or bool":    map[struct{}]int{{}: 1},
		"year 10000 is out of range: Python has the years 1 to 9999": time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC),
		"2024-02-30 is not a date":                                   codec.Date{Year: 2024, Month: 2, Day: 30},
		"24:00:00 is not a time of day":                              codec.TimeOfDay{Hour: 24},
		`"1,5" is not a decimal number`:                              codec.Decimal("1,5"),
	} {
		want = "cannot encode as JSON: " + want
		if got, err := codec.JSON.Encode(value); err == nil || err.Error() != want {
			t.Errorf("%T: got %s, %v, want %s", value, got, err, want)
		}
	}
}

// BrowserJSON has null wherever JSON has NaN or an infinity.
func TestBrowserJSON(t *testing.T) {
	t.Parallel()
	type own struct {
		Max    float32         `json:"max"`
		Quoted float64         `json:"quoted,string"`
		Number json.Number     `json:"number"`
		Raw    json.RawMessage `json:"raw"`
	}
	for _, test := range []struct {
		value any
		want  string
	}{
		{math.NaN(), `null`},
		{[]any{math.Inf(1), float32(math.Inf(-1)), 1e308, 2.0}, `[null,null,1e+308,2.0]`},
		{own{float32(math.NaN()), math.Inf(1), "-Infinity", json.RawMessage(`{"a": [NaN, -Infinity, 1.50, "NaN"]}`)},
			`{"max":null,"quoted":"Infinity","number":null,"raw":{"a":[null,null,1.50,"NaN"]}}`},
		{map[float64]string{math.NaN(): "NaN"}, `{"NaN":"NaN"}`},
	} {
		got, err := codec.BrowserJSON.Encode(test.value)
		if err != nil || string(got) != test.want || !json.Valid(got) {
			t.Errorf("%#v: got %s, %v, want %s", test.value, got, err, test.want)
		}
	}
	var f float64
	if err := codec.BrowserJSON.Decode([]byte("NaN"), &f); err != nil || !math.IsNaN(f) {
		t.Errorf("decode: got %v, %v, want NaN as JSON has it", f, err)
	}
}

// Nil slices and maps are [] and {} at every depth. A codec made by NilAsNull writes null, like
// encoding/json.
func TestNil(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		value       any
		want, nulls string
	}{
		{[]string(nil), `[]`, `null`},
		{[]any(nil), `[]`, `null`},
		{map[string]any(nil), `{}`, `null`},
		{map[int][]int{1: nil}, `{"1":[]}`, `{"1":null}`},
		{map[int][]int(nil), `{}`, `null`},
		{[]any{[]int(nil), map[string]any(nil), nil}, `[[],{},null]`, `[null,null,null]`},
		{[2]*[]int{new([]int), nil}, `[[],null]`, `[null,null]`},
		{struct {
			A []int `json:",omitempty"`
			B []int
		}{}, `{"B":[]}`, `{"B":null}`},
		{[]byte(nil), `null`, `null`},
		{json.RawMessage(nil), `null`, `null`},
	} {
		for _, c := range []struct {
			codec.Codec
			want string
		}{
			{codec.JSON, test.want}, {codec.BrowserJSON, test.want}, {codec.TypedJSON, test.want},
			{codec.NilAsNull(codec.JSON), test.nulls}, {codec.NilAsNull(codec.TypedJSON), test.nulls},
		} {
			if got, err := c.Encode(test.value); err != nil || string(got) != c.want {
				t.Errorf("%#v: got %s, %v, want %s", test.value, got, err, c.want)
			}
		}
		var packed, want any
		data, err := msgpack.Codec.Encode(test.value)
		if err == nil {
			err = msgpack.Codec.Decode(data, &packed)
		}
		if err := errors.Join(err, json.Unmarshal([]byte(test.want), &want)); err != nil || fmt.Sprint(packed) != fmt.Sprint(want) {
			t.Errorf("%#v: got %v from msgpack, %v, want %s", test.value, packed, err, test.want)
		}
	}
	if other := (fourMethods{codec.JSON}); codec.NilAsNull(other) != codec.Codec(other) {
		t.Error("a codec that New has not made is replaced")
	}
}

type address struct {
	Street string `json:"street"`
	Number int    `json:"number"`
}

type person struct {
	Name    string             `json:"name"`
	Age     uint8              `json:"age"`
	Address *address           `json:"address"`
	Friends []person           `json:"friends"`
	Scores  map[string]int     `json:"scores"`
	Extra   any                `json:"extra"`
	Born    time.Time          `json:"born"`
	Raw     json.RawMessage    `json:"raw"`
	Rates   map[string]float64 `json:"rates"`
}

func TestJSONDecode(t *testing.T) {
	t.Parallel()
	tests := []struct {
		data string
		want any // a value of the type to decode into
	}{
		{`7`, 7},
		{` 7.0 `, 7},
		{`7e2`, 700},
		{`70.0e-1`, 7},
		{`-0.0`, 0},
		{`9007199254740993.0`, int64(9007199254740993)},
		{`18446744073709551615.00`, uint64(math.MaxUint64)},
		{`255.0`, uint8(255)},
		{`2`, 2.0},
		{`"é"`, "é"},
		{`true`, true},
		{`[1.0, 2, 3e0]`, []int{1, 2, 3}},
		{`[1.0]`, [1]int{1}},
		{`{"a": 1.0, "b": 2}`, map[string]int{"a": 1, "b": 2}},
		{`{"a": [1.0]}`, map[string][]int{"a": {1}}},
		{`null`, map[string]int(nil)},
		{`null`, []int(nil)},
		{`[null]`, []*int{nil}},
		{`[null, "null"]`, []any{nil, "null"}},
		{`{"name": "Ann, \"null\" ]}", "age": 30.0, "unknown": {"a": [1]}, "address": {"street": "x", "number": 4.0},
		   "friends": [{"name": "Bob", "AGE": 2.0}], "scores": {"a": 1.0}, "extra": null, "born": "1970-01-01T00:00:00Z",
		   "raw": [2.0, null], "rates": {"x": 2}}`,
			person{Name: `Ann, "null" ]}`, Age: 30, Address: &address{"x", 4}, Friends: []person{{Name: "Bob", Age: 2}},
				Scores: map[string]int{"a": 1}, Born: time.Unix(0, 0).UTC(), Raw: json.RawMessage(`[2.0, null]`),
				Rates: map[string]float64{"x": 2}}},
	}
	for _, test := range tests {
		got := reflect.New(reflect.TypeOf(test.want))
		if err := codec.JSON.Decode([]byte(test.data), got.Interface()); err != nil {
			t.Errorf("%s into %T: %v", test.data, test.want, err)
		} else if !reflect.DeepEqual(got.Elem().Interface(), test.want) {
			t.Errorf("%s: got %#v, want %#v", test.data, got.Elem().Interface(), test.want)
		}
	}
	var any any
	if err := codec.JSON.Decode([]byte(`[2.0, 2, 100000000000000000000000]`), &any); err != nil ||
		fmt.Sprintf("%#v", any) != `[]interface {}{"2.0", "2", "100000000000000000000000"}` {
		t.Errorf("got %#v, %v, want numbers as they were written", any, err)
	}
}

func TestJSONDecodeErrors(t *testing.T) {
	t.Parallel()
	tests := []struct {
		data string
		into any
		want string
	}{
		{``, new(int), "not valid JSON: empty"},
		{`{"a"`, new(any), "not valid JSON: it ends before the value does"},
		{`1 2`, new(int), `not valid JSON: "2" after the value`},
		{"\"\xff\"", new(string), "not valid UTF-8 at byte 2"},
		{"{\"\xed\xa0\xbd\": 1}", new(any), "not valid UTF-8 at byte 3"},
		{"\"\\n\xff\"", new(string), "not valid UTF-8 at byte 4"},
		{"\xff", new(any), "not valid UTF-8 at byte 1"},
		{`nope`, new(any), "not valid JSON: unexpected 'o' at byte 2"},
		{`Nan`, new(float64), "not valid JSON: unexpected 'n' at byte 3"},
		{`+1`, new(any), "not valid JSON: unexpected '+' at byte 1"},
		{`01`, new(any), `not valid JSON: "1" after the value`},
		{`-`, new(any), "not valid JSON: it ends before the value does"},
		{`1.`, new(any), "not valid JSON: it ends before the value does"},
		{`1.e5`, new(any), "not valid JSON: unexpected 'e' at byte 3"},
		{`-NaN`, new(any), "not valid JSON: unexpected 'N' at byte 2"},
		{`[1,]`, new(any), "not valid JSON: unexpected ']' at byte 4"},
		{`[1 2]`, new(any), "not valid JSON: unexpected '2' at byte 4"},
		{`{1: 2}`, new(any), "not valid JSON: unexpected '1' at byte 2"},
		{`{"a" 2}`, new(any), "not valid JSON: unexpected '2' at byte 6"},
		{"\"a\nb\"", new(string), `not valid JSON: unexpected '\n' at byte 3`},
		{`"\x"`, new(string), `not valid JSON: unexpected 'x' at byte 3`},
		{`"\u12g4"`, new(string), `not valid JSON: unexpected 'g' at byte 6`},
		{`NaN`, new(int), "number NaN does not fit int"},
		{`1e400`, new(float64), "number 1e400 does not fit float64"},
		{`1e39`, new(float32), "number 1e39 does not fit float32"},
		{`1e5000`, new(big.Int), "number 1e5000 does not fit big.Int"},
		{`[1, 2, 3]`, new([2]int), "a list of more than 2 does not fit [2]int"},
		{`{"x": 1}`, new(map[int]int), `key "x" does not fit int`},
		{`2.5`, new(int), "number 2.5 does not fit int"},
		{`300`, new(uint8), "number 300 does not fit uint8"},
		{`300.0`, new(uint8), "number 300.0 does not fit uint8"},
		{`-1.0`, new(uint), "number -1.0 does not fit uint"},
		{`1e1000000000`, new(int), "number 1e1000000000 does not fit int"},
		{`"7"`, new(int), "a string does not fit int"},
		{`{}`, new([]int), "an object does not fit []int"},
		{`[]`, new(string), "a list does not fit string"},
		{`true`, new(string), "a bool does not fit string"},
		{`null`, new(int), "null does not fit int"},
		{`{"name": null}`, new(person), "name: null does not fit string"},
		{`{"friends": [{}, {"age": null}]}`, new(person), "friends[1].age: null does not fit uint8"},
		{`{"address": {"number": "4"}}`, new(person), "address.number: a string does not fit int"},
		{strings.Repeat("[", 20000) + strings.Repeat("]", 20000), new(any), "nested deeper than 10000 at byte 10001"},
	}
	for _, test := range tests {
		if err := codec.JSON.Decode([]byte(test.data), test.into); err == nil || err.Error() != test.want {
			t.Errorf("%.50s into %T: got %v, want %s", test.data, test.into, err, test.want)
		}
	}
}

func TestJSONSplit(t *testing.T) {
	t.Parallel()
	list, err := codec.JSON.List([]byte(` [1 , {"a":[2,"]"]}, "x,\"y" ,[],null,-1.5e3] `))
	want := `1|{"a":[2,"]"]}|"x,\"y"|[]|null|-1.5e3`
	if got := string(bytes.Join(list, []byte("|"))); err != nil || got != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
	object, err := codec.JSON.Map([]byte(`{"b": 1, "a" : {"b": 2} , "b":[3], "é\"": "}"}`))
	var got []string
	for _, m := range object {
		got = append(got, m.Name+"="+string(m.Value))
	}
	if want := []string{"b=[3]", `a={"b": 2}`, `é"="}"`}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	for data, want := range map[string]string{
		`[]`: "", `{}`: "", `"a"`: "a string where a list should be", `1`: "a number where a list should be",
		`null`: "null where a list should be", `true`: "a bool where a list should be",
		`[1`: "not valid JSON: it ends before the value does", `[1]]`: `not valid JSON: "]" after the value`,
	} {
		split := codec.JSON.List
		if data == "{}" {
			split = func(b []byte) ([][]byte, error) { m, err := codec.JSON.Map(b); return make([][]byte, len(m)), err }
		}
		if got, err := split([]byte(data)); len(got) > 0 || err == nil && want != "" || err != nil && err.Error() != want {
			t.Errorf("%s: got %q, %v, want %q", data, got, err, want)
		}
	}
}

// Characters that need an escape or are not ASCII are found anywhere in a text.
func TestTextAtEachPlace(t *testing.T) {
	for _, special := range []string{"\"", `\`, "\n", "\x00", "\x1f", " ", "\x7f", "é", "“", "𝄞", "!", "#", "[", "]"} {
		for before := range 20 {
			for after := range 20 {
				text := strings.Repeat("a", before) + special + strings.Repeat("b", after) + special
				data, err := codec.JSON.Encode(text)
				if err != nil {
					t.Fatal(err)
				}
				var got, std string
				if err := codec.JSON.Decode(data, &got); err != nil || got != text {
					t.Fatalf("%s: got %q, %v, want %q", data, got, err, text)
				}
				if err := json.Unmarshal(data, &std); err != nil || std != text {
					t.Fatalf("%s: encoding/json has %q, %v, want %q", data, std, err, text)
				}
				if special < " " {
					raw := []byte(`"` + text + `"`)
					if err := codec.JSON.Decode(raw, &got); err == nil {
						t.Fatalf("%q: got %q, want an error", raw, got)
					}
				}
			}
		}
	}
	for n := range 20 {
		raw := append([]byte(`"`+strings.Repeat("a", n)), 0xff, '"')
		if err := codec.JSON.Decode(raw, new(string)); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("not valid UTF-8 at byte %d", n+2)) {
			t.Errorf("%q: got %v, want where the text is not UTF-8", raw, err)
		}
	}
}
