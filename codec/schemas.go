package codec

import (
	"encoding"
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"reflect"
	"regexp"
	"strconv"
	"strings"
)

// Schemas makes JSON Schemas of Go types. They are derived from the plans that the decoder uses,
// and say what it decodes into a value of the type:
//
//   - Each value of the type is encoded as JSON that its schema for encoded data accepts.
//   - [DecodeStrict] decodes all JSON that the schema accepts into the type, and the values meet
//     the constraints in the tags of fields, which [DecodeChecked] checks. Schemas for encoded data
//     have no constraints.
//
// A schema does not have the decoder's limits of size (of the data, its depth, the digits of a
// big.Int, and floats in strings and keys), and does not know what types that unmarshal themselves
// refuse. NaN and the infinities, which Python reads and writes, are not JSON. The decoder also
// accepts some values that the schema does not, such as numbers in the strings for json.Number, and
// members whose names differ from those of the fields only in case.
//
// A Schemas must not be used by several goroutines at once.
type Schemas struct {
	plans *plans
	typed bool
	defs  map[string]*Schema
	names map[definition]string
	mixed map[*plan]bool
}

// A Use says what a schema is for. The zero value means data that [DecodeStrict] decodes.
type Use struct {
	Encode    bool // data that is encoded; it differs for types that only marshal themselves
	Lenient   bool // decoded by the codec's Decode: members may be missing, and have no default
	Sensitive bool // without the defaults of members
}

// A definition is a type whose schema others refer to.
type definition struct {
	typ reflect.Type
	use Use
}

// NewSchemas returns a Schemas for what c encodes and decodes, in the form that it has in JSON. If
// c was not made by [New], it is for what [JSON] encodes and decodes.
func NewSchemas(c Codec) *Schemas {
	own, ok := c.(*values)
	if !ok {
		own = JSON.(*values)
	}
	return &Schemas{
		plans: &own.plans,
		typed: own.typed,
		defs:  map[string]*Schema{},
		names: map[definition]string{},
		mixed: map[*plan]bool{},
	}
}

// Of returns the schema of a type. It may refer to [Schemas.Definitions].
func (s *Schemas) Of(t reflect.Type, use Use) *Schema { return s.of(s.plans.of(t), use) }

// Definitions returns the schemas that others refer to, by name: the value of $defs in a document.
// The name of a struct is that of its type with its package, such as orders.Order.
func (s *Schemas) Definitions() map[string]*Schema { return s.defs }

// of returns the schema of a plan, or a reference to it.
func (s *Schemas) of(p *plan, use Use) *Schema {
	use.Encode = use.Encode && s.differs(p)
	form := formOf(p, use)
	switch form {
	case formTime, formDate, formTimeOfDay, formDecimal:
		use = Use{}
	case formStruct, formMap, formList, formArray, formPointer:
		if p.typ.Name() == "" || p.typ.PkgPath() == "" {
			return s.make(p, form, use)
		}
	case formText, formTextPtr, formJSON, formJSONPtr:
		if p.kind == "" {
			return s.make(p, form, use)
		}
		use = Use{}
	default:
		return s.make(p, form, use)
	}
	d := definition{p.typ, use}
	name, ok := s.names[d]
	if !ok {
		name = s.name(d)
		s.names[d] = name
		s.defs[name] = &Schema{} // for types that contain themselves
		*s.defs[name] = *s.make(p, form, use)
	}
	return &Schema{Ref: "#/$defs/" + url.PathEscape(name)}
}

func formOf(p *plan, use Use) form {
	if use.Encode {
		return p.write
	}
	return p.read
}

var (
	packagePath = regexp.MustCompile(`[\w.~-]+/`)
	unsafeRunes = regexp.MustCompile(`[^\pL\d._-]+`)
)

// name returns an unused name for a definition: orders.Page_users.User for
// orders.Page[example.org/users.User].
func (s *Schemas) name(d definition) string {
	name := strings.Trim(unsafeRunes.ReplaceAllString(packagePath.ReplaceAllString(d.typ.String(), ""), "_"), "_")
	for _, suffix := range []struct {
		text string
		has  bool
	}{{".result", d.use.Encode}, {".lenient", d.use.Lenient}, {".sensitive", d.use.Sensitive}} {
		if suffix.has {
			name += suffix.text
		}
	}
	unused := name
	for i := 2; s.defs[unused] != nil; i++ {
		unused = name + "." + strconv.Itoa(i)
	}
	return unused
}

// differs reports whether values of p's type are encoded in another way than they are decoded, or
// have constraints, which encoding does not check.
func (s *Schemas) differs(p *plan) bool {
	known, ok := s.mixed[p]
	if !ok {
		known = mixed(p, map[*plan]bool{})
		s.mixed[p] = known
	}
	return known
}

func mixed(p *plan, seen map[*plan]bool) bool {
	if p == nil || seen[p] {
		return false
	}
	seen[p] = true
	if class(p.read) != class(p.write) || p.write == formAny && p.typ.NumMethod() > 0 {
		return true
	}
	for i := range p.fields {
		f := &p.fields[i]
		if p.write == formStruct && (f.rule != nil || !reachable(p.typ, f) || mixed(f.plan, seen)) {
			return true
		}
	}
	return mixed(p.elem, seen)
}

// class returns one of the forms whose values are encoded in the same way as those of f.
func class(f form) form {
	switch f {
	case formJSONPtr:
		return formJSON
	case formTextPtr:
		return formText
	}
	return f
}

// reachable reports whether a decoder can set f: it cannot allocate an embedded struct that is not
// exported.
func reachable(t reflect.Type, f *field) bool {
	for _, i := range f.index[:len(f.index)-1] {
		sf := t.Field(i)
		if t = sf.Type; t.Kind() == reflect.Pointer {
			if !sf.IsExported() {
				return false
			}
			t = t.Elem()
		}
	}
	return true
}

// make returns the schema of a plan for values of a form.
func (s *Schemas) make(p *plan, form form, use Use) *Schema {
	switch form {
	case formBool:
		return &Schema{Type: TypeNames{"boolean"}}
	case formInt, formUint:
		least, most := limits(p.typ)
		return &Schema{Type: TypeNames{"integer"}, Minimum: least, Maximum: most}
	case formBig:
		return &Schema{Type: TypeNames{"integer"}}
	case formFloat:
		most := "1.7976931348623157e308"
		if p.typ.Bits() == 32 {
			most = "3.4028235e38"
		}
		return &Schema{Type: TypeNames{"number"}, Minimum: "-" + json.Number(most), Maximum: json.Number(most)}
	case formNumber:
		return &Schema{Type: TypeNames{"number"}}
	case formString, formText, formTextPtr, formTime, formDate, formTimeOfDay, formDecimal, formBytes:
		return s.text(p, form)
	case formList:
		return &Schema{Type: TypeNames{"array", "null"}, Items: s.of(p.elem, use)}
	case formArray:
		n := p.typ.Len()
		return &Schema{Type: TypeNames{"array"}, Items: s.of(p.elem, use), MaxItems: &n}
	case formMap:
		return &Schema{Type: TypeNames{"object", "null"}, PropertyNames: s.key(p.typ.Key()), AdditionalProperties: s.of(p.elem, use)}
	case formStruct:
		return s.object(p, use)
	case formPointer:
		return nullable(s.of(p.elem, use))
	case formObject:
		return &Schema{Type: TypeNames{"object"}}
	case formJSON, formJSONPtr:
		if p.kind == "decimal" {
			return s.text(p, form)
		}
	case formNone:
		return never()
	case formAny:
		if p.typ.NumMethod() > 0 && !use.Encode {
			return never()
		}
	}
	return &Schema{} // any value
}

// object returns the schema of a struct.
func (s *Schemas) object(p *plan, use Use) *Schema {
	o := &Schema{Type: TypeNames{"object"}}
	for i := range p.fields {
		f := &p.fields[i]
		sf := p.typ.FieldByIndex(f.index)
		within := use
		within.Sensitive = use.Sensitive || sf.Tag.Get("sensitive") == "true"
		var m *Schema
		switch {
		case !use.Encode && !reachable(p.typ, f):
			m = never()
		case f.quoted:
			m = s.quoted(f.plan, within)
		default:
			m = s.of(f.plan, within)
			if f.rule != nil && !use.Encode {
				constrain(m, f.plan, f.rule)
			}
		}
		m.Description, m.Sensitive = sf.Tag.Get("doc"), sf.Tag.Get("sensitive") == "true"
		if !use.Lenient && !within.Sensitive {
			m.Default = f.fallback
		}
		if !use.Lenient && !f.optional {
			o.Required = append(o.Required, f.name)
		}
		o.Properties = append(o.Properties, Property{f.name, m})
	}
	return o
}

// quoted returns the schema of a field with the option string in its tag.
func (s *Schemas) quoted(p *plan, use Use) *Schema {
	text := &Schema{Type: TypeNames{"string"}, ContentMediaType: "application/json"}
	switch formOf(p, use) {
	case formPointer:
		return nullable(s.quoted(p.elem, use))
	case formBool:
		text.Enum = []any{"true", "false"}
	case formInt, formUint:
		text.Pattern = "^" + integers(limits(p.typ)) + "$"
	case formFloat:
		text.Pattern = floats
	case formNumber:
		text.Pattern = floats
	case formString, formText, formTextPtr:
		text.Pattern = `^"([^"\\\x00-\x1f]|\\(["\\/bfnrt]|u[0-9a-fA-F]{4}))*"$`
	case formDecimal:
		text.Pattern = `^"` + strings.ReplaceAll(pythonDecimalPattern, `\s`, " ") + `"$`
	}
	return text
}

// key returns the schema of the names of members that are keys of a map, nil for any name.
func (s *Schemas) key(t reflect.Type) *Schema {
	switch p := s.plans.of(t); {
	case t.Kind() == reflect.String:
		return nil
	case p.read == formDate, p.read == formTimeOfDay, p.kind == "uuid":
		return &Schema{Pattern: textOf(p, p.read).Pattern}
	case implements[encoding.TextUnmarshaler](reflect.PointerTo(t)):
		return nil
	}
	switch basic(t) {
	case formBool:
		return &Schema{Enum: []any{"true", "false"}}
	case formInt, formUint:
		return &Schema{Pattern: "^" + integers(limits(t)) + "$"}
	case formFloat:
		return &Schema{Pattern: floats}
	}
	return nil
}

// limits returns the smallest and the largest integer of a type.
func limits(t reflect.Type) (least, most json.Number) {
	bits := t.Bits()
	if basic(t) == formUint {
		return "0", json.Number(strconv.FormatUint(math.MaxUint64>>(64-bits), 10))
	}
	return json.Number(strconv.FormatInt(math.MinInt64>>(64-bits), 10)), json.Number(strconv.FormatInt(math.MaxInt64>>(64-bits), 10))
}

// floats matches the numbers of JSON, and those that are not finite.
const floats = `^(-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?|NaN|-?Infinity)$`

// integers returns a pattern for the integers from least to most.
func integers(least, most json.Number) string {
	if least == "0" {
		return upTo(string(most))
	}
	return "(" + upTo(string(most)) + "|-" + upTo(string(least[1:])) + ")"
}

// upTo returns a pattern for the integers from 0 to the one with these digits.
func upTo(digits string) string {
	all := []string{"0", `[1-9]` + anyDigits(0, len(digits)-2), digits}
	for i, d := range []byte(digits) {
		first := byte('0')
		if i == 0 {
			first = '1'
		}
		if rest := anyDigits(len(digits)-i-1, len(digits)-i-1); d == first+1 {
			all = append(all, digits[:i]+string(first)+rest)
		} else if d > first {
			all = append(all, fmt.Sprintf(`%s[%c-%c]%s`, digits[:i], first, d-1, rest))
		}
	}
	return "(" + strings.Join(all, "|") + ")"
}

func anyDigits(least, most int) string {
	switch {
	case most == 0:
		return ""
	case least == 1 && most == 1:
		return `\d`
	case least == most:
		return fmt.Sprintf(`\d{%d}`, most)
	}
	return fmt.Sprintf(`\d{%d,%d}`, least, most)
}
