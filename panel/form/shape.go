package form

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/contract"
	"github.com/gomeko/gomeko/internal/clip"
)

// A kind is the kind of field for the values of a shape.
type kind int

const (
	kindJSON   kind = iota // any value, as JSON
	kindBool               // a checkbox, or a choice if it can be omitted
	kindChoice             // one of some values
	kindNumber
	kindText
	kindDateTime
	kindDate
	kindTime
	kindObject
	kindList
	kindMap
)

// A shape is a schema as a form shows it. Recursive shapes refer to themselves.
type shape struct {
	kind     kind
	types    []string // of JSON that a value may have, for kindJSON; empty means any
	nullable bool
	secret   bool // all values in it are sensitive
	leaf     leaf

	members []*member // of an object
	elem    *shape    // of a list or a map
	most    *int      // maximum number of elements of a list; nil means no limit
	keys    *leaf     // of a map; nil allows any key
}

// A member is a member of an object, or a parameter.
type member struct {
	name, label, help string
	required          bool
	more              bool            // it is **kwargs
	fallback          json.RawMessage // its default
	shape             *shape
}

// A compiler creates shapes from schemas.
type compiler struct {
	document *contract.Document
	shapes   map[compiled]*shape
	members  int // in all shapes
	texts    *texts
}

// A compiled is a schema that has been compiled.
type compiled struct {
	schema *codec.Schema
	secret bool
}

func newCompiler(d *contract.Document) *compiler {
	return &compiler{document: d, shapes: map[compiled]*shape{}, texts: knownTexts()}
}

func (c *compiler) member(name string, s *codec.Schema, secret bool) *member {
	m := &member{name: name, label: labelOf(name), help: text(s.Description, maxHelp), fallback: s.Default}
	m.shape = c.shape(s, secret || s.Sensitive)
	return m
}

// shape returns the shape of a schema.
func (c *compiler) shape(s *codec.Schema, secret bool) *shape {
	key := compiled{s, secret}
	if known := c.shapes[key]; known != nil {
		return known
	}
	made := &shape{secret: secret}
	if s == nil || len(c.shapes) >= maxShapes {
		return made // any value; the worker checks it
	}
	c.shapes[key] = made
	if s, nullable := c.resolve(s); s != nil {
		secret = secret || s.Sensitive
		*made = shape{secret: secret, nullable: nullable}
		c.fill(made, s)
	}
	return made
}

// resolve follows references, and returns the schema that remains beside null. It returns nil if
// there are several, or if it cannot be found.
func (c *compiler) resolve(s *codec.Schema) (_ *codec.Schema, nullable bool) {
	for range maxDepth * 2 {
		switch {
		case s == nil:
			return nil, nullable
		case s.Ref != "":
			definition := c.document.Definition(s)
			if definition == nil {
				return nil, nullable
			}
			s = beside(s, definition)
		case len(s.AnyOf) > 0:
			var others []*codec.Schema
			for _, one := range s.AnyOf {
				if one != nil && slices.Equal(one.Type, codec.TypeNames{"null"}) {
					nullable = true
				} else {
					others = append(others, one)
				}
			}
			if len(others) != 1 && !isEnvelopes(others) {
				return nil, nullable
			}
			s = beside(s, others[0])
		default:
			return s, nullable || slices.Contains(s.Type, "null")
		}
	}
	return nil, nullable
}

// beside returns the schema that inner refers to, with the constraints beside the reference.
func beside(outer, inner *codec.Schema) *codec.Schema {
	if inner == nil {
		return nil
	}
	both := *inner
	if outer.Enum != nil {
		both.Enum = outer.Enum
	}
	if outer.MinLength != nil {
		both.MinLength = outer.MinLength
	}
	if outer.MaxLength != nil {
		both.MaxLength = outer.MaxLength
	}
	for _, one := range []struct {
		to   *string
		from string
	}{
		{&both.Pattern, outer.Pattern}, {&both.Format, outer.Format},
		{(*string)(&both.Minimum), string(outer.Minimum)}, {(*string)(&both.Maximum), string(outer.Maximum)},
		{&both.FormatMinimum, outer.FormatMinimum}, {&both.FormatMaximum, outer.FormatMaximum},
	} {
		if one.from != "" {
			*one.to = one.from
		}
	}
	if outer.Items != nil {
		both.Items = beside(outer.Items, orAny(inner.Items))
	}
	if outer.AdditionalProperties != nil {
		both.AdditionalProperties = beside(outer.AdditionalProperties, orAny(inner.AdditionalProperties))
	}
	both.Sensitive = inner.Sensitive || outer.Sensitive
	return &both
}

// isEnvelopes reports whether these are a text and kombu's envelopes for it. A form asks only for
// the text.
func isEnvelopes(all []*codec.Schema) bool {
	if len(all) < 2 || all[0] == nil || !slices.Contains(all[0].Type, "string") {
		return false
	}
	return !slices.ContainsFunc(all[1:], func(s *codec.Schema) bool {
		return s == nil || len(s.Properties) == 0 || s.Properties[0].Name != "__type__"
	})
}

// fill completes the shape of a schema that is neither a reference nor a union.
func (c *compiler) fill(made *shape, s *codec.Schema) {
	types := slices.DeleteFunc(slices.Clone(s.Type), func(t string) bool { return t == "null" })
	made.types = s.Type
	if len(types) == 2 && slices.Contains(types, "string") && slices.Contains(types, "number") {
		types = codec.TypeNames{"string"} // a decimal
	}
	if len(types) != 1 {
		return
	}
	switch types[0] {
	case "boolean":
		made.kind = kindBool
	case "integer", "number":
		made.kind, made.leaf = c.number(s, types[0] == "integer")
	case "string":
		made.kind, made.leaf = c.text(s)
	case "array":
		made.kind, made.elem = kindList, c.shape(orAny(s.Items), made.secret)
		made.most = s.MaxItems
	case "object":
		c.object(made, s)
	}
}

func (c *compiler) object(made *shape, s *codec.Schema) {
	if len(s.Properties) == 0 && s.AdditionalProperties != nil && !isNever(s.AdditionalProperties) {
		made.kind, made.elem = kindMap, c.shape(s.AdditionalProperties, made.secret)
		if s.PropertyNames != nil {
			_, keys := c.text(s.PropertyNames)
			made.keys = &keys
		}
		return
	}
	if c.members += len(s.Properties); len(s.Properties) == 0 || c.members > maxShapes {
		return // any members, as JSON
	}
	made.kind = kindObject
	names := map[string]bool{}
	for _, p := range s.Properties {
		if p.Schema == nil || isNever(p.Schema) || names[p.Name] {
			continue
		}
		names[p.Name] = true
		m := c.member(p.Name, p.Schema, made.secret)
		m.required = slices.Contains(s.Required, p.Name)
		made.members = append(made.members, m)
	}
}

func orAny(s *codec.Schema) *codec.Schema {
	if s == nil {
		return &codec.Schema{}
	}
	return s
}

func isNever(s *codec.Schema) bool { return s.Not != nil }

// labelOf returns a name for users: "Send email" for send_email, "Update stock" for UpdateStock.
func labelOf(name string) string {
	var b strings.Builder
	before := ' '
	for i, r := range text(name, maxLabel) {
		switch {
		case r == '_':
			r = ' '
		case unicode.IsUpper(r) && unicode.IsLower(before):
			b.WriteByte(' ')
			r = unicode.ToLower(r)
		case i == 0:
			r = unicode.ToUpper(r)
		}
		b.WriteRune(r)
		before = r
	}
	if label := strings.TrimSpace(b.String()); label != "" {
		return label
	}
	return strconv.Quote(text(name, maxLabel))
}

// text returns a foreign text for users, truncated to limit and without invalid characters.
func text(s string, limit int) string { return clip.Text(strings.ToValidUTF8(s, "\uFFFD"), limit) }

// plainNumber returns a number of a decoded document in JSON's notation.
func plainNumber(v any) (string, bool) {
	switch v := v.(type) {
	case json.Number:
		return string(v), true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), true
	case int, int64, uint64:
		return fmt.Sprint(v), true
	}
	return "", false
}

// isValid reports whether a form can send s: it must be valid UTF-8 and contain no NUL.
func isValid(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }
