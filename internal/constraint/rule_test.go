package constraint_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/internal/constraint"
	"github.com/gomeko/gomeko/signature"
)

type color string

// broken returns the constraints that a value breaks, by pointer.
func broken(t testing.TB, tag string, v any) string {
	t.Helper()
	rule, err := constraint.Of(reflect.StructTag(tag), reflect.TypeOf(v))
	if err != nil || rule == nil {
		t.Fatalf("%s of %T: %v, %v", tag, v, rule, err)
	}
	var faults constraint.Faults
	rule.Check(reflect.ValueOf(v), &faults)
	if err := faults.Err(); err != nil {
		return err.Error()
	}
	return ""
}

// TestRule has a table for each keyword.
func TestRule(t *testing.T) {
	t.Parallel()
	three, none := 3, (*int)(nil)
	for tag, values := range map[string]map[any]string{
		`enum:"a, b"`: {"a": "", "b": "", color("b"): "", "": `must be one of "a", "b"`, "A": `must be one of "a", "b"`},
		`enum:"1,2"`:  {1: "", uint8(2): "", int64(3): "must be one of 1, 2", 1.0: "", 1.5: "must be one of 1, 2", "1": "", math.NaN(): "must be one of 1, 2"},
		`min:"1"`: {
			1: "", 0: "must be at least 1", uint16(0): "must be at least 1", 0.99: "must be at least 1", 1.0: "", math.Inf(1): "",
			math.NaN(): "must be at least 1", json.Number("0.9999999999999999999999"): "must be at least 1", json.Number("1e0"): "",
			codec.Decimal("0.99999999999999999999999999"): "must be at least 1", codec.Decimal(" 1.0 "): "", codec.Decimal("NaN"): "must be at least 1",
			&three: "", none: "",
		},
		`max:"9223372036854775806"`:  {int64(math.MaxInt64): "must be at most 9223372036854775806", int64(math.MaxInt64 - 1): ""},
		`max:"18446744073709551614"`: {uint64(math.MaxUint64): "must be at most 18446744073709551614", uint64(math.MaxUint64 - 1): ""},
		`max:"0.1"`:                  {float32(0.1): "", 0.1: "", 0.10000000000000002: "must be at most 0.1"},
		`minLength:"2"`:              {"aé": "", "é": "must have at least 2 characters", "": "must have at least 2 characters", "\xed\xa0\x80": "must have at least 2 characters"},
		`maxLength:"1"`:              {"": "", "日": "", "🚀": "", "\xed\xa0\x80": "", "ab": "must have at most 1 character"},
		`pattern:"^[a-z]+$"`:         {"ab": "", "": "must match ^[a-z]+$", "ab1": "must match ^[a-z]+$"},
		`pattern:"b"`:                {"abc": "", "ac": "must match b"},
		`format:"decimal" min:"0.01" max:"99999999999999999999.99"`: {
			"0.01": "", "1E-2": "", "0.0099": "must be at least 0.01", "99999999999999999999.990": "", "+1": "",
			"99999999999999999999.991": "must be at most 99999999999999999999.99", "1e999999999999": "must be at most 99999999999999999999.99",
			"-1": "must be at least 0.01", "x": "must be at least 0.01; must be at most 99999999999999999999.99; must be a decimal number, such as 12.340",
		},
	} {
		for v, want := range values {
			if got := broken(t, tag, v); got != want {
				t.Errorf("%s of %#v: got %q, want %q", tag, v, got, want)
			}
		}
	}
}

// The rule of a list, a map or a pointer applies to its elements. Faults in a map are sorted.
func TestElements(t *testing.T) {
	t.Parallel()
	one, two := 1, 2
	for _, test := range []struct {
		v    any
		want string
	}{
		{[]int{2, 1, 0}, "/1 must be at least 2; /2 must be at least 2"},
		{[2]*int{nil, &one}, "/1 must be at least 2"},
		{&[]*int{&two}, ""},
		{map[string]int{"b": 1, "a/~": 0, "c": 2}, "/a~1~0 must be at least 2; /b must be at least 2"},
		{map[time.Month][]int{time.May: {2, 1}}, "/5/1 must be at least 2"},
		{map[codec.Date]int{{Year: 2024, Month: 1, Day: 2}: 1}, "/2024-01-02 must be at least 2"},
		{[]int(nil), ""},
	} {
		if got := broken(t, `min:"2"`, test.v); got != test.want {
			t.Errorf("%v: got %q, want %q", test.v, got, test.want)
		}
	}
}

// TestFormats checks valid and invalid texts of each format.
func TestFormats(t *testing.T) {
	t.Parallel()
	label := strings.Repeat("a", 63)
	for format, texts := range map[string]struct{ good, bad []string }{
		"email": {
			[]string{"a@b", "a.b+c@example.org", "!#$%&'*+-/=?^_`{|}~@x-y.z", label + "@" + label + ".org"},
			[]string{"", "@", "a@", "@b", "a", ".a@b", "a.@b", "a..b@c", "a b@c", "é@b", "a@b_c", "a@-b", "a@b-", "a@b.", "a@.b", `"a"@b`, "a@[127.0.0.1]", label + "aa@b", "a@" + label + "a", "a@b\n"},
		},
		"uri": {
			[]string{"https://example.org/a?b=c&d#e", "mailto:a@b", "urn:isbn:1", "a+b-c.1:", "http://u:p@h:80/%20", "http://[::1]:80/", "file:///etc", "http://h?q", "data:,x"},
			[]string{"", "a", "/a", "//h", ":a", "1a:b", "a b:c", "http://h/ ", "http://h/%2", "http://h/%zz", "http://[::1/", "http://[x]/", "http://h:x/", "http://é/", "a:#b#c", "http://[1:::2]/", "http://[::1]x/", "http://[fe80::1%25a]/"},
		},
		"date-time": {
			[]string{"2024-02-29T00:00:00Z", "2024-01-02t03:04:05.123456789012z", "2024-01-02T03:04:05+05:30", "2016-12-31T23:59:60Z", "2017-01-01T01:29:60+01:30", "2016-12-31T20:59:60-03:00"},
			[]string{"", "2024-01-02", "2024-01-02T03:04:05", "2023-02-29T00:00:00Z", "2024-13-01T00:00:00Z", "2024-01-00T00:00:00Z", "2024-01-02T24:00:00Z", "2024-01-02T03:60:05Z", "2024-01-02T03:04:61Z", "2024-01-02T03:04:60Z", "2024-01-02 03:04:05Z", "2024-01-02T03:04:05.Z", "2024-01-02T03:04:05+5:30", "2024-01-02T03:04:05+24:00", "2024-01-02T03:04:05Z ", "+024-01-02T03:04:05Z"},
		},
		"uuid": {
			[]string{"00000000-0000-0000-0000-000000000000", "0123ABCD-4567-89ef-0123-456789abcdef"},
			[]string{"", "0123abcd456789ef0123456789abcdef", "0123abcd-4567-89ef-0123-456789abcdeg", "{0123abcd-4567-89ef-0123-456789abcdef}", "0123abcd-4567-89ef-01234-56789abcdef"},
		},
		"decimal": {
			[]string{"0", "-1.50", "+.5", "5.", "1E+3", "1e-999999999999999999999"},
			[]string{"", "-", ".", "1,5", "1e", "e5", "NaN", "Infinity", " 1", "0x1", "1_000", "١"},
		},
	} {
		for _, text := range texts.good {
			if got := broken(t, `format:"`+format+`"`, text); got != "" {
				t.Errorf("%s %q: got %q", format, text, got)
			}
		}
		for _, text := range texts.bad {
			if broken(t, `format:"`+format+`"`, text) == "" {
				t.Errorf("%s %q: got no fault", format, text)
			}
		}
	}
}

// TestMistakes has a mistake of each kind in a tag.
func TestMistakes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		tag  string
		typ  any
		want string
	}{
		{`json:"a" doc:"b"`, "", ""},
		{`enum:"a,,b,a"`, "", "enum: a value is empty: write the values with commas between them, as in enum:\"a,b\"\nenum: \"a\" is in it twice: remove one"},
		{`enum:"1,x,256"`, uint8(0), "enum: \"x\" does not fit uint8: remove it\nenum: \"256\" does not fit uint8: remove it"},
		{`enum:"true"`, false, "enum: is for strings and numbers, not for bool: remove it"},
		{`min:"1"`, "", `min: is for numbers, not for string: use minLength for the number of characters, or add format:"decimal" for a number in a string`},
		{`max:"2"`, []bool{}, "max: is for numbers, not for bool: remove it"},
		{`min:"x"`, 0, `min: "x" does not fit int: write a number that it can have`},
		{`min:"-1"`, uint(0), `min: "-1" does not fit uint: write a number that it can have`},
		{`max:"Inf"`, 0.5, `max: "Inf" does not fit float64: write a number that it can have`},
		{`max:"x" format:"decimal"`, "", `max: "x" does not fit string: write a number that it can have`},
		{`min:"2" max:"1"`, 0, "min 2 is greater than max 1: no value fits"},
		{`min:"0.2" max:"0.10" format:"decimal"`, "", "min 0.2 is greater than max 0.10: no value fits"},
		{`minLength:"2" maxLength:"1"`, "", "minLength 2 is greater than maxLength 1: no value fits"},
		{`minLength:"-1"`, "", "minLength: must be an integer of at least 0"},
		{`minLength:"1"`, 0, "minLength: is for strings, not for int: remove it"},
		{`maxLength:"1"`, []byte{}, "maxLength: is for strings, not for []uint8: remove it"},
		{`pattern:"("`, "", "pattern: is not a regular expression of Go (RE2): error parsing regexp: missing closing ): `(`"},
		{`pattern:""`, "", "pattern: must not be empty: remove it, or write a regular expression"},
		{`pattern:"a"`, time.Time{}, "pattern: is for strings, not for time.Time: remove it"},
		{`format:"emial"`, "", `format: unknown format "emial": did you mean email?`},
		{`format:"ipv4"`, "", `format: unknown format "ipv4": the formats are email, uri, date-time, uuid, decimal`},
		{`format:"uuid"`, 0, "format: is for strings, not for int: remove it"},
		{`json:"a,string" min:"1"`, 0, `the option "string" of json: a value in a string cannot have constraints: remove one of them`},
		{`pattern:"(" format:"x"`, "", "pattern: is not a regular expression of Go (RE2): error parsing regexp: missing closing ): `(`\nformat: unknown format \"x\": the formats are email, uri, date-time, uuid, decimal"},
	} {
		_, err := constraint.Of(reflect.StructTag(test.tag), reflect.TypeOf(test.typ))
		if got := fmt.Sprint(err); got != test.want && (err != nil || test.want != "") {
			t.Errorf("%s of %T: got %s, want %s", test.tag, test.typ, got, test.want)
		}
	}
}

// The faults of a call are limited in number, and their texts in length.
func TestLimits(t *testing.T) {
	t.Parallel()
	rule, err := constraint.Of(`min:"1"`, reflect.TypeFor[map[string][]int]())
	if err != nil {
		t.Fatal(err)
	}
	var faults constraint.Faults
	rule.Check(reflect.ValueOf(map[string][]int{strings.Repeat("~", 10_000): make([]int, 1_000_000)}), &faults)
	var invalid *signature.ValidationError
	if !errors.As(faults.Err(), &invalid) || len(invalid.Faults) != 100 || len(invalid.Error()) > 20_000 {
		t.Fatalf("got %d faults, %d bytes", len(invalid.Faults), len(invalid.Error()))
	}
	for _, f := range invalid.Faults {
		if len(f.Pointer) > 1100 {
			t.Errorf("got a pointer of %d bytes", len(f.Pointer))
		}
	}
	if got := invalid.Error(); !strings.HasSuffix(got, "; and 90 more") {
		t.Errorf("got %s", got[len(got)-100:])
	}
}

// FuzzPointer reads pointers back.
func FuzzPointer(f *testing.F) {
	for _, seed := range []string{"", "a", "a/b", "~", "~0", "~1/", "é\x00"} {
		f.Add(seed, "x")
	}
	f.Fuzz(func(t *testing.T, inner, outer string) {
		pointer := constraint.Pointer([]string{inner, outer})
		if len(inner)+len(outer) > 500 || strings.ToValidUTF8(inner+"/"+outer, "") != inner+"/"+outer {
			return
		}
		var got []string
		for part := range strings.SplitSeq(pointer, "/") {
			got = append(got, strings.ReplaceAll(strings.ReplaceAll(part, "~1", "/"), "~0", "~"))
		}
		if want := []string{"", outer, inner}; !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got %q, want %q", pointer, got, want)
		}
	})
}

// A flat is a struct of five fields with constraints.
type flat struct {
	Email string  `format:"email"`
	Age   int     `min:"18" max:"120"`
	Name  string  `minLength:"1" maxLength:"80"`
	Color string  `enum:"red,green,blue"`
	Code  string  `pattern:"^[A-Z]{3}$"`
	rest  float64 //nolint:unused // it has no constraints
}

var good = flat{Email: "ada.lovelace@example.org", Age: 36, Name: "Ada Lovelace", Color: "green", Code: "ABC"}

// checker returns a func that checks the fields of v.
func checker(t testing.TB, v reflect.Value) func() {
	t.Helper()
	rules := make([]*constraint.Rule, v.NumField())
	for i := range rules {
		f := v.Type().Field(i)
		var err error
		if rules[i], err = constraint.Of(f.Tag, f.Type); err != nil {
			t.Fatal(err)
		}
	}
	return func() {
		var faults constraint.Faults
		for i, rule := range rules {
			if rule != nil {
				rule.Check(v.Field(i), &faults)
			}
		}
		if faults.Len() > 0 {
			t.Fatal(faults.Err())
		}
	}
}

func TestAllocations(t *testing.T) {
	if n := testing.AllocsPerRun(100, checker(t, reflect.ValueOf(&good).Elem())); n != 0 {
		t.Errorf("got %v allocations, want none", n)
	}
}

func BenchmarkFlat(b *testing.B) {
	check := checker(b, reflect.ValueOf(&good).Elem())
	b.ReportAllocs()
	for b.Loop() {
		check()
	}
}

// forest is a list of itself, and ring a map of pointers to itself.
type (
	forest []forest
	ring   map[string]*ring
)

// A type that contains itself has no values that a rule could be about.
func TestRecursiveTypes(t *testing.T) {
	t.Parallel()
	for _, typ := range []reflect.Type{reflect.TypeFor[forest](), reflect.TypeFor[ring](), reflect.TypeFor[[]*ring]()} {
		if rule, err := constraint.Of("", typ); rule != nil || err != nil {
			t.Errorf("%s: got %v, %v", typ, rule, err)
		}
		if _, err := constraint.Of(`min:"1"`, typ); err == nil {
			t.Errorf("%s has a minimum", typ)
		}
		if constrained, mistakes := constraint.Within(typ, map[reflect.Type]bool{}); constrained || mistakes != nil {
			t.Errorf("%s: got %t, %v", typ, constrained, mistakes)
		}
	}
}

// TestNew checks that the rule of the keywords of a schema finds what the rule of a tag finds.
func TestNew(t *testing.T) {
	t.Parallel()
	three := 3
	for _, test := range []struct {
		keywords constraint.Keywords
		value    any
		want     string
	}{
		{constraint.Keywords{Enum: []any{"a,b", "c"}}, "a", `must be one of "a,b", "c"`},
		{constraint.Keywords{Enum: []any{"a,b", "c"}}, "a,b", ""},
		{constraint.Keywords{Enum: []any{json.Number("1"), 2}}, int64(3), "must be one of 1, 2"},
		{constraint.Keywords{Minimum: "1", Maximum: "2"}, json.Number("2.5"), "must be at most 2"},
		{constraint.Keywords{MinLength: &three, MaxLength: &three, Pattern: "^a"}, "b", "must have at least 3 characters; must match ^a"},
		{constraint.Keywords{Format: "decimal", Maximum: "2"}, "3", "must be at most 2"},
		{constraint.Keywords{}, "", ""},
	} {
		rule, err := constraint.New(test.keywords, reflect.TypeOf(test.value))
		if err != nil {
			t.Errorf("%v: %v", test.keywords, err)
			continue
		}
		var faults constraint.Faults
		rule.Check(reflect.ValueOf(test.value), &faults)
		got := ""
		if err := faults.Err(); err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%v: %v: got %q, want %q", test.keywords, test.value, got, test.want)
		}
	}
	rule, err := constraint.New(constraint.Keywords{Pattern: "(", Format: "colour", MinLength: &three}, reflect.TypeFor[string]())
	if rule == nil || err == nil || len(constraint.Split(err)) != 2 {
		t.Errorf("got %v, %v", rule, err)
	}
}
