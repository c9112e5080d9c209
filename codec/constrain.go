package codec

import (
	"reflect"

	"github.com/gomeko/gomeko/internal/constraint"
)

// OfField returns the schema of a field with this type and tag, such as a parameter. It is the
// schema of the type with the constraints in the tag, unless it is for encoded data. It may refer
// to [Schemas.Definitions].
func (s *Schemas) OfField(t reflect.Type, tag reflect.StructTag, use Use) *Schema {
	m := s.Of(t, use)
	if rule, err := constraint.Of(tag, t); err == nil && rule != nil && !use.Encode {
		constrain(m, s.plans.of(t), rule)
	}
	return m
}

// constrain adds the constraints of a field's rule to m, its schema: to the elements of lists and
// maps, and to what pointers point to.
func constrain(m *Schema, p *plan, rule *constraint.Rule) {
	switch p.read {
	case formList, formArray:
		if m.Items == nil { // m refers to the type
			m.Items = new(Schema)
		}
		constrain(m.Items, p.elem, rule)
		return
	case formMap:
		if m.AdditionalProperties == nil {
			m.AdditionalProperties = new(Schema)
		}
		constrain(m.AdditionalProperties, p.elem, rule)
		return
	case formPointer:
		constrain(m, p.elem, rule)
		if rule.Enum != nil && m.Enum != nil && m.Enum[len(m.Enum)-1] != nil {
			m.Enum = append(m.Enum, nil)
		}
		return
	}
	k := &rule.Keywords
	if k.Enum != nil {
		m.Enum = append([]any{}, k.Enum...)
	}
	if k.Format != "" {
		m.Format = k.Format
	}
	if k.Format == "decimal" {
		m.Pattern = "^(" + decimalPattern + ")$"
	}
	if k.Pattern != "" {
		m.Pattern = k.Pattern
	}
	m.MinLength, m.MaxLength = k.MinLength, k.MaxLength
	if k.Numeric && k.Minimum != "" {
		m.Minimum = k.Minimum
	}
	if k.Numeric && k.Maximum != "" {
		m.Maximum = k.Maximum
	}
	if k.Textual {
		m.FormatMinimum, m.FormatMaximum = string(k.Minimum), string(k.Maximum)
	}
}
