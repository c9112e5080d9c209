package codec_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/signature"
)

// constrained are fields with constraints, and JSON, some of which meets them.
var constrained = []struct {
	typ    reflect.Type
	tag    string
	values string
}{
	{reflect.TypeFor[string](), `enum:"a,b"`, `"a" "b" "" "A"`},
	{reflect.TypeFor[color](), `minLength:"1" maxLength:"2" pattern:"^[a-zé🚀]*$"`, `"" "a" "é🚀" "abc" "A" "ééé"`},
	{reflect.TypeFor[int64](), `min:"-9223372036854775807" max:"9223372036854775806"`, `-9223372036854775808 -9223372036854775807 0 9223372036854775806 9223372036854775807 1.0`},
	{reflect.TypeFor[uint64](), `min:"1" max:"18446744073709551614"`, `0 1 18446744073709551614 18446744073709551615`},
	{reflect.TypeFor[int8](), `enum:"-1,1"`, `-1 0 1 1.0 1e0`},
	{reflect.TypeFor[float64](), `min:"0.1" max:"1e3"`, `0.1 0.09999 1000 1000.1 0`},
	{reflect.TypeFor[float64](), `enum:"0.5,2"`, `0.5 2 2.0 0.50 1`},
	{reflect.TypeFor[json.Number](), `min:"0.10000000000000000000001"`, `0.1 0.10000000000000000000001 1e30`},
	{reflect.TypeFor[codec.Decimal](), `max:"10"`, `10 10.000000000000000000001 -1e5`},
	{reflect.TypeFor[*string](), `minLength:"2"`, `null "" "a" "ab"`},
	{reflect.TypeFor[*color](), `enum:"a"`, `null "" "a"`},
	{reflect.TypeFor[[]string](), `format:"email"`, `null [] ["a@b"] ["a@b","a"] ["",".a@b"]`},
	{reflect.TypeFor[map[string]*int](), `max:"3"`, `null {} {"a":3} {"a":4,"b/~":5} {"a":null}`},
	{reflect.TypeFor[[][]uint8](), `max:"3"`, ``}, // bytes: a mistake
	{reflect.TypeFor[[2]map[string][]int](), `min:"1"`, `[{"a":[1]},null] [{"a":[1,0]},{"b":[0]}]`},
	{reflect.TypeFor[forest](), `min:"1"`, ``}, // no numbers: a mistake
	{reflect.TypeFor[string](), `format:"uri"`, `"https://a.b/c?d#e" "urn:a" "a" "" "/a"`},
	{reflect.TypeFor[string](), `format:"date-time"`, `"2024-02-29T01:02:03Z" "2023-02-29T01:02:03Z" "2024-01-01" "2024-01-01T00:00:00.5+01:00" "2016-12-31T23:59:60Z" ""`},
	{reflect.TypeFor[string](), `format:"uuid"`, `"0123ABCD-4567-89ef-0123-456789abcdef" "0123ABCD" ""`},
	{reflect.TypeFor[string](), `format:"decimal"`, `"1.50" "+.5" "1E+3" "NaN" "" "1,5" "-"`},
	{reflect.TypeFor[names](), `maxLength:"1"`, `null [] ["a"] ["a","bc"]`},
	{reflect.TypeFor[twig](), ``, `{"text":"ab"} {"text":"a"} {"text":"ab","note":""} {"text":"a","note":"a"}`},
	{reflect.TypeFor[[]*twig](), ``, `[null,{"text":""}] [{"text":"ab","next":{"text":"a"}}]`},
}

type (
	names []string

	// A twig has constraints at any depth.
	twig struct {
		Text string `json:"text" minLength:"2"`
		Note string `json:"note,omitempty" minLength:"1"`
		Next *twig  `json:"next"`
	}
)

// TestConstraints draws structs whose fields have constraints, and JSON for them. A JSON Schema
// library finds the same faults as DecodeChecked, at the same places.
func TestConstraints(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var fields []reflect.StructField
		var members []string
		for i := range rapid.IntRange(1, 4).Draw(t, "fields") {
			one := rapid.SampledFrom(constrained).Draw(t, "field")
			if one.values == "" {
				continue
			}
			options := rapid.SampledFrom([]string{"", ",omitempty"}).Draw(t, "options")
			name := fmt.Sprintf("f/%d", i)
			fields = append(fields, reflect.StructField{
				Name: fmt.Sprintf("F%d", i), Type: one.typ, Tag: reflect.StructTag(fmt.Sprintf(`json:"%s%s" %s`, name, options, one.tag)),
			})
			if options != "" && rapid.Bool().Draw(t, "absent") {
				continue
			}
			members = append(members, fmt.Sprintf("%q:%s", name, rapid.SampledFrom(strings.Split(one.values, " ")).Draw(t, "value")))
		}
		typ := reflect.StructOf(fields)
		data := []byte("{" + strings.Join(rapid.Permutation(members).Draw(t, "order"), ",") + "}")
		v := reflect.New(typ)
		if err := codec.DecodeStrict(codec.JSON, data, v.Interface()); err != nil {
			t.Fatalf("%s: %s: %v", typ, data, err)
		}
		got := faultsOf(t, codec.DecodeChecked(codec.JSON, data, reflect.New(typ).Interface(), false))
		all := codec.NewSchemas(codec.JSON)
		root := all.Of(typ, codec.Use{})
		text, err := json.Marshal(map[string]any{"$schema": "https://json-schema.org/draft/2020-12/schema", "$defs": all.Definitions(), "allOf": []any{root}})
		if err != nil {
			t.Fatal(err)
		}
		if want := judged(t, text, data); !slices.Equal(got, want) {
			t.Fatalf("%s: %s: got faults at %q, want %q by\n%s", typ, data, got, want, text)
		}
	})
}

// faultsOf returns the pointers of an error, sorted and without duplicates.
func faultsOf(t *rapid.T, err error) []string {
	if err == nil {
		return nil
	}
	var invalid *signature.ValidationError
	if !errors.As(err, &invalid) {
		t.Fatal(err)
	}
	var pointers []string
	for _, f := range invalid.Faults {
		pointers = append(pointers, f.Pointer)
	}
	slices.Sort(pointers)
	return slices.Compact(pointers)
}

// judged returns the places of the faults that the library finds, sorted and without duplicates.
func judged(t *rapid.T, schema, data []byte) []string {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	compiled, err := compiler.Compile("schema.json")
	if err != nil {
		t.Fatal(err, string(schema))
	}
	instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	err = compiled.Validate(instance)
	if err == nil {
		return nil
	}
	var found *jsonschema.ValidationError
	if !errors.As(err, &found) {
		t.Fatal(err)
	}
	var pointers []string
	var walk func(e *jsonschema.ValidationError)
	walk = func(e *jsonschema.ValidationError) {
		if len(e.Causes) == 0 && !strings.Contains(e.Error(), "want null") { // the other part of a nullable one
			pointer := ""
			for _, step := range e.InstanceLocation {
				pointer += "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(step)
			}
			pointers = append(pointers, pointer)
		}
		for _, cause := range e.Causes {
			walk(cause)
		}
	}
	walk(found)
	slices.Sort(pointers)
	return slices.Compact(pointers)
}

// TestSchemaOfField shows where constraints are in the schema.
func TestSchemaOfField(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		typ  reflect.Type
		tag  string
		use  codec.Use
		want string
	}{
		{reflect.TypeFor[uint8](), `min:"1"`, codec.Use{}, `{"type":"integer","minimum":1,"maximum":255}`},
		{reflect.TypeFor[*string](), `enum:"a,b"`, codec.Use{}, `{"type":["string","null"],"enum":["a","b",null]}`},
		{reflect.TypeFor[[]*int](), `max:"3"`, codec.Use{}, `{"type":["array","null"],"items":{"type":["integer","null"],"minimum":-9223372036854775808,"maximum":3}}`},
		{reflect.TypeFor[map[string]string](), `minLength:"1"`, codec.Use{}, `{"type":["object","null"],"additionalProperties":{"type":"string","minLength":1}}`},
		{reflect.TypeFor[names](), `maxLength:"0"`, codec.Use{}, `{"$ref":"#/$defs/codec_test.names","items":{"maxLength":0}}`},
		{reflect.TypeFor[string](), `format:"decimal" min:"0.10"`, codec.Use{}, `{"type":"string","format":"decimal","formatMinimum":"0.10","pattern":"^([+-]?(\\d+(\\.\\d*)?|\\.\\d+)([eE][+-]?\\d+)?)$"}`},
		{reflect.TypeFor[string](), `format:"email"`, codec.Use{Encode: true}, `{"type":"string"}`},
		{reflect.TypeFor[twig](), ``, codec.Use{Encode: true}, `{"$ref":"#/$defs/codec_test.twig.result"}`},
	} {
		got, err := json.Marshal(codec.NewSchemas(codec.JSON).OfField(test.typ, reflect.StructTag(test.tag), test.use))
		if err != nil || string(got) != test.want {
			t.Errorf("%s: got\n%s, %v\nwant\n%s", test.typ, got, err, test.want)
		}
	}
}

// Of several members with the same name, the last one is checked.
func TestConstraintsOfDuplicates(t *testing.T) {
	t.Parallel()
	for data, want := range map[string]string{
		`{"text": "a", "text": "ab"}`:                         "",
		`{"text": "ab", "text": "a"}`:                         "/text must have at least 2 characters",
		`{"text": "ab", "next": {"text": ""}, "next": null}`:  "",
		`{"TEXT": "", "note": "", "next": {"text": "ab"}}`:    "/text must have at least 2 characters; /note must have at least 1 character",
		`{"text": "ab", "next": {"text": "a", "Text": "ab"}}`: "",
	} {
		got := ""
		if err := codec.DecodeChecked(codec.JSON, []byte(data), new(twig), false); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", data, got, want)
		}
	}
	var m map[string]twig
	if err := codec.DecodeChecked(codec.JSON, []byte(`{"a": {"text": ""}, "a": {"text": "ab"}}`), &m, false); err != nil {
		t.Errorf("got %v", err)
	}
}
