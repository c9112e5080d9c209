package codec_test

import (
	"bytes"
	"encoding/json"
	"math"
	"math/big"
	"reflect"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/gomeko/gomeko/codec"
)

// fill sets v to a value of its type.
func fill(t *rapid.T, v reflect.Value, depth int) {
	switch p := v.Addr().Interface().(type) {
	case *json.Number:
		*p = json.Number(rapid.StringMatching(`-?[1-9]\d{0,30}(\.\d{1,5})?`).Draw(t, "number"))
		return
	case *json.RawMessage:
		*p = json.RawMessage(rapid.SampledFrom([]string{"null", "1", `"a"`, `{"a": [true]}`}).Draw(t, "raw"))
		return
	case *big.Int:
		p.SetString(rapid.StringMatching(`-?[1-9]\d{0,60}`).Draw(t, "digits"), 10)
		return
	case *time.Time:
		zone := rapid.SampledFrom([]*time.Location{time.UTC, codec.Naive, time.FixedZone("", 5400), time.FixedZone("", -34567)}).Draw(t, "zone")
		*p = time.Unix(rapid.Int64Range(-5e10, 2e11).Draw(t, "seconds"), rapid.Int64Range(0, 1e9-1).Draw(t, "nanoseconds")).In(zone)
		return
	case *codec.Date:
		*p = codec.Date{Year: rapid.IntRange(1, 9999).Draw(t, "year"), Month: time.Month(rapid.IntRange(1, 12).Draw(t, "month")), Day: rapid.IntRange(1, 28).Draw(t, "day")}
		return
	case *codec.TimeOfDay:
		*p = codec.TimeOfDay{Hour: rapid.IntRange(0, 23).Draw(t, "hour"), Microsecond: rapid.IntRange(0, 999999).Draw(t, "microsecond")}
		return
	case *codec.Decimal:
		*p = codec.Decimal(rapid.SampledFrom([]string{"0", "12.340", "-1e-7", "+.5", "5.", " 1 ", "NaN", "-Infinity", "sNaN12"}).Draw(t, "decimal"))
		return
	case *any:
		*p = rapid.SampledFrom([]any{nil, true, 1.5, "text", []any{"a", nil}, map[string]any{"a": 1}}).Draw(t, "any")
		return
	case *float64: // also in keys
		*p = rapid.Float64Range(-math.MaxFloat64, math.MaxFloat64).Draw(t, "float64")
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, "bool"))
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		least := int64(math.MinInt64 >> (64 - v.Type().Bits()))
		v.SetInt(rapid.Int64Range(least, -(least+1)).Draw(t, "int"))
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(rapid.Uint64Range(0, math.MaxUint64>>(64-v.Type().Bits())).Draw(t, "uint"))
	case reflect.Float32:
		v.SetFloat(float64(rapid.Float32Range(-math.MaxFloat32, math.MaxFloat32).Draw(t, "float32")))
	case reflect.String:
		v.SetString(rapid.String().Draw(t, "string"))
	case reflect.Pointer:
		if depth > 0 && rapid.Bool().Draw(t, "not nil") {
			v.Set(reflect.New(v.Type().Elem()))
			fill(t, v.Elem(), depth-1)
		}
	case reflect.Slice:
		if n := rapid.IntRange(-1, 3).Draw(t, "length"); n >= 0 && depth > 0 {
			v.Set(reflect.MakeSlice(v.Type(), n, n))
			for i := range n {
				fill(t, v.Index(i), depth-1)
			}
		}
	case reflect.Array:
		for i := range v.Len() {
			fill(t, v.Index(i), depth-1)
		}
	case reflect.Map:
		if n := rapid.IntRange(-1, 3).Draw(t, "length"); n >= 0 && depth > 0 {
			v.Set(reflect.MakeMap(v.Type()))
			for range n {
				key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
				fill(t, key, 0)
				fill(t, value, depth-1)
				v.SetMapIndex(key, value)
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				fill(t, v.Field(i), depth-1)
			} else if v.Type().Field(i).Anonymous && v.Field(i).Kind() == reflect.Struct {
				b := (*common)(v.Field(i).Addr().UnsafePointer()) // the only one
				fill(t, reflect.ValueOf(&b.Kind).Elem(), 0)
			}
		}
	}
}

// change puts another value somewhere into JSON.
func change(t *rapid.T, data []byte) []byte {
	var v any
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if d.Decode(&v) != nil {
		return data
	}
	text, err := json.Marshal(changed(t, v))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func changed(t *rapid.T, v any) any {
	other := func() any {
		return rapid.SampledFrom([]any{
			nil, true, "", "a", "1", "-7", "1.0", "2024-02-30", "2024-02-29", "2023-02-29T00:00:00", "NaN", json.Number("0"), json.Number("-1"), json.Number("7.0"), json.Number("2.5"),
			json.Number("128"), json.Number("18446744073709551616"), json.Number("1e400"), json.Number("3.5e38"), []any{}, []any{nil, "a"},
			map[string]any{}, map[string]any{"z": 1}, map[string]any{"128": "x"}, map[string]any{"__type__": "date", "__value__": "2024-01-02"},
		}).Draw(t, "other")
	}
	if rapid.IntRange(0, 2).Draw(t, "here") == 0 {
		return other()
	}
	switch v := v.(type) {
	case []any:
		if len(v) > 0 {
			v = slices.Clone(v)
			i := rapid.IntRange(0, len(v)-1).Draw(t, "index")
			v[i] = changed(t, v[i])
			return v
		}
	case map[string]any:
		if len(v) > 0 {
			names := make([]string, 0, len(v))
			for name := range v {
				names = append(names, name)
			}
			slices.Sort(names)
			name := rapid.SampledFrom(names).Draw(t, "member")
			if rapid.IntRange(0, 3).Draw(t, "leave out") == 0 {
				delete(v, name)
			} else {
				v[name] = changed(t, v[name])
			}
			return v
		}
	}
	return other()
}

// drawJSON draws a value that a schema accepts, as far as it can.
func drawJSON(t *rapid.T, s *codec.Schema, defs map[string]*codec.Schema, depth int) any {
	if s.Ref != "" {
		return drawJSON(t, defs[strings.TrimPrefix(s.Ref, "#/$defs/")], defs, depth-1)
	}
	if len(s.AnyOf) > 0 {
		return drawJSON(t, rapid.SampledFrom(s.AnyOf).Draw(t, "alternative"), defs, depth)
	}
	switch {
	case s.Const != nil:
		return s.Const
	case len(s.Enum) > 0:
		return rapid.SampledFrom(s.Enum).Draw(t, "enum")
	case len(s.Type) == 0 && s.Pattern == "":
		return rapid.SampledFrom([]any{nil, 1, "a", []any{}}).Draw(t, "any")
	}
	kinds := s.Type
	if depth < 0 && slices.Contains(kinds, "null") || len(kinds) == 0 {
		kinds = []string{"null"}
		if s.Pattern != "" {
			kinds = []string{"string"}
		}
	}
	switch rapid.SampledFrom(kinds).Draw(t, "type") {
	case "boolean":
		return rapid.Bool().Draw(t, "boolean")
	case "integer":
		return drawInteger(t, s)
	case "number":
		return rapid.Float64Range(-1e30, 1e30).Draw(t, "number")
	case "string":
		if strings.Contains(s.Pattern, "NaN|") { // of floats, whose size no pattern limits
			return rapid.StringMatching(`-?[1-9]\d{0,9}(\.\d{1,9})?([eE][+-]?\d)?|NaN`).Draw(t, "float")
		}
		if s.Pattern != "" {
			return rapid.StringMatching(s.Pattern).Draw(t, "text")
		}
		return rapid.String().Draw(t, "string")
	case "array":
		most := 3
		if s.MaxItems != nil {
			most = *s.MaxItems
		}
		list := []any{}
		for range rapid.IntRange(0, most).Draw(t, "items") {
			list = append(list, drawJSON(t, s.Items, defs, depth-1))
		}
		return list
	case "object":
		return drawObject(t, s, defs, depth)
	}
	return nil
}

func drawInteger(t *rapid.T, s *codec.Schema) any {
	if s.Minimum == "" {
		return json.Number(rapid.StringMatching(`-?[1-9]\d{0,40}(\.0|e1)?`).Draw(t, "integer"))
	}
	if s.Minimum == "0" {
		var most big.Int
		most.SetString(string(s.Maximum), 10)
		return rapid.Uint64Range(0, most.Uint64()).Draw(t, "integer")
	}
	least, _ := s.Minimum.Int64()
	most, _ := s.Maximum.Int64()
	return rapid.Int64Range(least, most).Draw(t, "integer")
}

func drawObject(t *rapid.T, s *codec.Schema, defs map[string]*codec.Schema, depth int) any {
	object := map[string]any{}
	for _, p := range s.Properties {
		if slices.Contains(s.Required, p.Name) || rapid.Bool().Draw(t, "has") {
			object[p.Name] = drawJSON(t, p.Schema, defs, depth-1)
		}
	}
	for range rapid.IntRange(0, 2).Draw(t, "further") {
		switch more := s.AdditionalProperties; {
		case more == nil:
			object["further"] = 1
		case more.Not == nil:
			name := rapid.String().Draw(t, "name")
			if s.PropertyNames != nil {
				text, ok := drawJSON(t, s.PropertyNames, defs, 0).(string)
				if !ok {
					continue
				}
				name = text
			}
			object[name] = drawJSON(t, more, defs, depth-1)
		}
	}
	return object
}
