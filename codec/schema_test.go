package codec_test

import (
	"bytes"
	"encoding/json"
	"math/big"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"

	"github.com/gomeko/gomeko/codec"
)

type (
	// level marshals itself as text, and accepts any text.
	level int

	// A color is a string with a name.
	color string

	// tagged is a struct with every option of a tag.
	tagged struct {
		ID       int                `json:"id" doc:"Its number."`
		Note     string             `json:"note,omitempty"`
		Quantity uint8              `json:"quantity" default:"1"`
		Tags     []string           `json:"tags" default:"['a', 'b']"`
		Code     string             `json:"code" default:"'1234'" sensitive:"true"`
		At       time.Time          `json:"at,omitzero"`
		Big      int64              `json:"big,string"`
		Rate     *float32           `json:"rate,string"`
		On       bool               `json:"on,string"`
		Text     string             `json:"text,string"`
		Price    codec.Decimal      `json:"price,string"`
		Hidden   int                `json:"-"`
		Func     func()             `json:",omitempty"`
		Counts   map[int8]uint64    `json:"counts"`
		Flags    map[bool]color     `json:"flags"`
		Days     map[codec.Date]any `json:"days"`
		Levels   map[level]float64  `json:"levels"`
		Names    map[color]*color
	}

	// embedding embeds structs by value and by pointer.
	embedding struct {
		common
		*Extra
		Own string `json:"own"`
	}
	common struct {
		Kind  string `json:"kind"`
		Color color  `json:"color"`
	}
	Extra struct { // exported, so that it can be allocated
		More  int    `json:"more"`
		Color string `json:"color"` // conflicts with that of common at the same level: neither is a member
	}

	// A node contains itself.
	node struct {
		Value    any              `json:"value"`
		Next     *node            `json:"next"`
		Children []node           `json:"children"`
		Named    map[string]*node `json:"named,omitempty"`
	}
	forest map[string][]forest

	// A page is generic.
	page[T any] struct {
		Items []T `json:"items"`
		Total int `json:"total"`
	}

	// numbers has the number types of libraries.
	numbers struct {
		Number json.Number
		Raw    json.RawMessage
		Big    big.Int
		Ptr    *big.Int
		Single float32
	}
)

func (l level) MarshalText() ([]byte, error) { return []byte(strings.Repeat("!", int(l)&7)), nil }
func (l *level) UnmarshalText(b []byte) error {
	*l = level(len(b) & 7)
	return nil
}

// leaves are types to build others from.
var leaves = []reflect.Type{
	reflect.TypeFor[bool](), reflect.TypeFor[int](), reflect.TypeFor[int8](), reflect.TypeFor[int64](), reflect.TypeFor[uint16](),
	reflect.TypeFor[uint64](), reflect.TypeFor[float32](), reflect.TypeFor[float64](), reflect.TypeFor[string](), reflect.TypeFor[[]byte](),
	reflect.TypeFor[any](), reflect.TypeFor[json.Number](), reflect.TypeFor[json.RawMessage](), reflect.TypeFor[big.Int](),
	reflect.TypeFor[time.Time](), reflect.TypeFor[codec.Date](), reflect.TypeFor[codec.TimeOfDay](), reflect.TypeFor[codec.Decimal](),
	reflect.TypeFor[uuid.UUID](), reflect.TypeFor[level](), reflect.TypeFor[color](), reflect.TypeFor[tagged](), reflect.TypeFor[embedding](),
	reflect.TypeFor[node](), reflect.TypeFor[forest](), reflect.TypeFor[page[node]](), reflect.TypeFor[page[*color]](), reflect.TypeFor[numbers](),
}

var keys = []reflect.Type{
	reflect.TypeFor[string](), reflect.TypeFor[int](), reflect.TypeFor[uint8](), reflect.TypeFor[float64](), reflect.TypeFor[bool](),
	reflect.TypeFor[color](), reflect.TypeFor[level](), reflect.TypeFor[codec.Date](), reflect.TypeFor[uuid.UUID](),
}

// drawType draws a type.
func drawType(t *rapid.T, depth int) reflect.Type {
	shape := "leaf"
	if depth > 0 {
		shape = rapid.SampledFrom([]string{"leaf", "leaf", "list", "array", "map", "pointer", "struct"}).Draw(t, "shape")
	}
	switch shape {
	case "list":
		return reflect.SliceOf(drawType(t, depth-1))
	case "array":
		return reflect.ArrayOf(rapid.IntRange(0, 3).Draw(t, "length"), drawType(t, depth-1))
	case "map":
		return reflect.MapOf(rapid.SampledFrom(keys).Draw(t, "key"), drawType(t, depth-1))
	case "pointer":
		return reflect.PointerTo(drawType(t, depth-1))
	case "struct":
		var fields []reflect.StructField
		for i := range rapid.IntRange(0, 4).Draw(t, "fields") {
			name := string(rune('A' + i))
			tag := rapid.SampledFrom([]string{"", ",omitempty", ",omitzero", ",string", "member" + name + ",omitempty,string"}).Draw(t, "tag")
			fields = append(fields, reflect.StructField{
				Name: name, Type: drawType(t, depth-1), Tag: reflect.StructTag(`json:"` + tag + `"`),
			})
		}
		return reflect.StructOf(fields)
	}
	return rapid.SampledFrom(leaves).Draw(t, "leaf")
}

// TestSchema draws types. Each value of a type is encoded as JSON that the schema accepts, and all
// JSON that the schema accepts is decoded: JSON drawn from the schema, and encoded values with
// changes.
func TestSchema(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]codec.Codec{"JSON": codec.JSON, "TypedJSON": codec.TypedJSON, "NilAsNull": codec.NilAsNull(codec.JSON)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) {
				typ := drawType(t, 2)
				j := newJudge(t, c, typ, rapid.SampledFrom([]codec.Use{{}, {}, {Lenient: true}}).Draw(t, "use"))
				for range 4 {
					v := reflect.New(typ).Elem()
					fill(t, v, 3)
					data, err := c.Encode(v.Interface())
					if err != nil {
						t.Fatalf("%s: %v", typ, err)
					}
					if err := j.validate(data); err != nil {
						t.Fatalf("%s: the schema\n%s\ndoes not take\n%s\n%v", typ, j.text, data, err)
					}
					j.decodes(t, data)
					j.decodes(t, change(t, data))
					drawn, err := json.Marshal(drawJSON(t, j.root, j.defs, 4))
					if err != nil {
						t.Fatal(err)
					}
					if err := j.validate(drawn); err != nil {
						continue // it contains what the schema never accepts
					}
					j.decodes(t, drawn)
				}
			})
		})
	}
}

// A judge validates JSON of one type.
type judge struct {
	typ    reflect.Type
	codec  codec.Codec
	root   *codec.Schema
	use    codec.Use
	defs   map[string]*codec.Schema
	text   []byte
	schema *jsonschema.Schema
}

func newJudge(t interface{ Fatal(args ...any) }, c codec.Codec, typ reflect.Type, use codec.Use) *judge {
	all := codec.NewSchemas(c)
	j := &judge{typ: typ, codec: c, use: use, root: all.Of(typ, use), defs: all.Definitions()}
	var err error
	j.text, err = json.Marshal(map[string]any{
		"$schema": "https://json-schema.org/draft/2020-12/schema", "$defs": j.defs, "allOf": []any{j.root},
	})
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(j.text))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	if j.schema, err = compiler.Compile("schema.json"); err != nil {
		t.Fatal(typ, err, string(j.text))
	}
	return j
}

func (j *judge) validate(data []byte) error {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		return err
	}
	return j.schema.Validate(doc)
}

// decodes checks that data is decoded if the schema accepts it.
func (j *judge) decodes(t *rapid.T, data []byte) {
	if j.validate(data) != nil {
		return
	}
	decode := func(data []byte, v any) error { return codec.DecodeStrict(j.codec, data, v) }
	if j.use.Lenient {
		decode = j.codec.Decode
	}
	if err := decode(data, reflect.New(j.typ).Interface()); err != nil {
		t.Fatalf("%s: the schema\n%s\ntakes\n%s\nwhich is not decoded: %v", j.typ, j.text, data, err)
	}
}

// A result is encoded as its schema says, even if its type cannot be decoded. Its schema without
// Encode accepts only what is decoded.
func TestSchemaOfResult(t *testing.T) {
	t.Parallel()
	types := []reflect.Type{
		reflect.TypeFor[oneWay](), reflect.TypeFor[stamp](), reflect.TypeFor[error](), reflect.TypeFor[[]error](), reflect.TypeFor[hiding](),
		reflect.TypeFor[page[*oneWay]](), reflect.TypeFor[map[string]stamp](), reflect.TypeFor[codec.Object](),
	}
	rapid.Check(t, func(t *rapid.T) {
		typ := rapid.SampledFrom(types).Draw(t, "type")
		result, argument := newJudge(t, codec.JSON, typ, codec.Use{Encode: true}), newJudge(t, codec.JSON, typ, codec.Use{})
		v := reflect.New(typ).Elem()
		fill(t, v, 3)
		data, err := codec.JSON.Encode(v.Interface())
		if err != nil {
			t.Fatalf("%s: %v", typ, err)
		}
		if err := result.validate(data); err != nil {
			t.Fatalf("%s: the schema\n%s\ndoes not take\n%s\n%v", typ, result.text, data, err)
		}
		argument.decodes(t, data)
		argument.decodes(t, change(t, data))
	})
}

// TestSchemaOf shows the schemas of some types.
func TestSchemaOf(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		typ  reflect.Type
		use  codec.Use
		want string
	}{
		{reflect.TypeFor[uint8](), codec.Use{}, `{"type":"integer","minimum":0,"maximum":255}`},
		{reflect.TypeFor[[]string](), codec.Use{}, `{"type":["array","null"],"items":{"type":"string"}}`},
		{reflect.TypeFor[*color](), codec.Use{}, `{"type":["string","null"]}`},
		{reflect.TypeFor[*node](), codec.Use{}, `{"anyOf":[{"$ref":"#/$defs/codec_test.node"},{"type":"null"}]}`},
		{reflect.TypeFor[page[node]](), codec.Use{Encode: true}, `{"$ref":"#/$defs/codec_test.page_codec_test.node"}`},
		{reflect.TypeFor[oneWay](), codec.Use{Encode: true}, `{"$ref":"#/$defs/codec_test.oneWay.result"}`},
		{reflect.TypeFor[oneWay](), codec.Use{Lenient: true, Sensitive: true}, `{"$ref":"#/$defs/codec_test.oneWay.lenient.sensitive"}`},
		{reflect.TypeFor[any](), codec.Use{}, `{}`},
		{reflect.TypeFor[error](), codec.Use{}, `{"not":{}}`},
		{reflect.TypeFor[error](), codec.Use{Encode: true}, `{}`},
		{reflect.TypeFor[map[uint8]bool](), codec.Use{}, `{"type":["object","null"],"propertyNames":{"pattern":"^(0|[1-9]\\d{0,1}|255|1\\d{2}|2[0-4]\\d|25[0-4])$"},"additionalProperties":{"type":"boolean"}}`},
	} {
		got, err := json.Marshal(codec.NewSchemas(codec.JSON).Of(test.typ, test.use))
		if err != nil || string(got) != test.want {
			t.Errorf("%s: got\n%s, %v\nwant\n%s", test.typ, got, err, test.want)
		}
	}
}

// oneWay is encoded in another way than it is decoded.
type oneWay struct {
	Secret string `json:"secret" default:"'abc'"`
	Shown  stamp  `json:"shown"`
}

// hiding embeds a struct that a decoder cannot allocate.
type hiding struct {
	*hidden
	Own int `json:"own"`
}

type hidden struct {
	Inner string `json:"inner"`
}

// A stamp only marshals itself.
type stamp struct{ N int }

func (stamp) MarshalText() ([]byte, error) { return []byte("stamp"), nil }

// The default of a sensitive member, and of all members of a sensitive parameter, is left out.
func TestSchemaSensitive(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		typ    reflect.Type
		use    codec.Use
		hidden []string
		shown  []string
	}{
		{reflect.TypeFor[tagged](), codec.Use{}, []string{"1234"}, []string{`"default":1`, `"x-sensitive":true`, `"description":"Its number."`}},
		{reflect.TypeFor[page[oneWay]](), codec.Use{Sensitive: true}, []string{"abc"}, []string{`"secret"`}},
	} {
		all := codec.NewSchemas(codec.JSON)
		all.Of(test.typ, test.use)
		text, err := json.Marshal(all.Definitions())
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range test.shown {
			if !bytes.Contains(text, []byte(want)) {
				t.Errorf("%s: got\n%s\nwithout %s", test.typ, text, want)
			}
		}
		for _, secret := range test.hidden {
			if bytes.Contains(text, []byte(secret)) {
				t.Errorf("%s: got\n%s\nwith %s", test.typ, text, secret)
			}
		}
		var back map[string]*codec.Schema
		if err := json.Unmarshal(text, &back); err != nil {
			t.Fatal(err)
		}
		if again, err := json.Marshal(back); err != nil || !bytes.Equal(again, text) {
			t.Errorf("got\n%s, %v\nwant\n%s", again, err, text)
		}
	}
}

// The pattern of integers accepts exactly those of the type.
func TestSchemaIntegers(t *testing.T) {
	t.Parallel()
	s := codec.NewSchemas(codec.JSON).Of(reflect.TypeFor[map[int8]any](), codec.Use{})
	pattern := regexp.MustCompile(s.PropertyNames.Pattern)
	for i := -1000; i <= 1000; i++ {
		text := json.Number(big.NewInt(int64(i)).String())
		if got, want := pattern.MatchString(string(text)), i >= -128 && i <= 127; got != want {
			t.Errorf("%d: got %t, want %t", i, got, want)
		}
	}
}
