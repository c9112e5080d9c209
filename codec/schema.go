package codec

import (
	"bytes"
	"encoding/json"
)

// A Schema is a JSON Schema of draft 2020-12, with the keywords that [Schemas] uses. The zero value
// accepts any value.
type Schema struct {
	Ref         string `json:"$ref,omitempty"` // to one of the definitions, "#/$defs/orders.Order"
	Description string `json:"description,omitempty"`

	Type  TypeNames `json:"type,omitempty"`
	AnyOf []*Schema `json:"anyOf,omitempty"`
	Not   *Schema   `json:"not,omitempty"`
	Const any       `json:"const,omitempty"`
	Enum  []any     `json:"enum,omitempty"`

	Format           string      `json:"format,omitempty"`
	Minimum          json.Number `json:"minimum,omitempty"`
	Maximum          json.Number `json:"maximum,omitempty"`
	FormatMinimum    string      `json:"formatMinimum,omitempty"` // of the number in a string: a keyword of ajv-formats
	FormatMaximum    string      `json:"formatMaximum,omitempty"`
	MinLength        *int        `json:"minLength,omitempty"`
	MaxLength        *int        `json:"maxLength,omitempty"`
	Pattern          string      `json:"pattern,omitempty"`
	ContentEncoding  string      `json:"contentEncoding,omitempty"`
	ContentMediaType string      `json:"contentMediaType,omitempty"`

	Items    *Schema `json:"items,omitempty"`
	MaxItems *int    `json:"maxItems,omitempty"`

	Properties           Properties `json:"properties,omitempty"`
	PropertyNames        *Schema    `json:"propertyNames,omitempty"`
	AdditionalProperties *Schema    `json:"additionalProperties,omitempty"`
	Required             []string   `json:"required,omitempty"`

	Default   json.RawMessage `json:"default,omitempty"`
	Sensitive bool            `json:"x-sensitive,omitempty"` // values must not be printed
}

// TypeNames are the JSON types that a [Schema] accepts. A single one is encoded as a string.
type TypeNames []string

// MarshalJSON implements [json.Marshaler].
func (t TypeNames) MarshalJSON() ([]byte, error) {
	if len(t) == 1 {
		return json.Marshal(t[0])
	}
	return json.Marshal([]string(t))
}

// UnmarshalJSON implements [json.Unmarshaler].
func (t *TypeNames) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		*t = make(TypeNames, 1)
		return json.Unmarshal(data, &(*t)[0])
	}
	return json.Unmarshal(data, (*[]string)(t))
}

// A Property is a member of the objects that a [Schema] accepts.
type Property struct {
	Name   string
	Schema *Schema
}

// Properties are in the order of the struct's fields. They are encoded as an object.
type Properties []Property

// MarshalJSON implements [json.Marshaler].
func (p Properties) MarshalJSON() ([]byte, error) {
	b := bytes.NewBufferString("{")
	for i, m := range p {
		name, err := json.Marshal(m.Name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(m.Schema)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// UnmarshalJSON implements [json.Unmarshaler].
func (p *Properties) UnmarshalJSON(data []byte) error {
	*p = nil
	members, err := JSON.Map(data)
	if err != nil {
		return err
	}
	for _, m := range members {
		s := new(Schema)
		if err := json.Unmarshal(m.Value, s); err != nil {
			return err
		}
		*p = append(*p, Property{m.Name, s})
	}
	return nil
}

// never returns the schema that accepts no value.
func never() *Schema { return &Schema{Not: &Schema{}} }

// nullable returns a schema that accepts null and what s accepts.
func nullable(s *Schema) *Schema {
	switch {
	case s.Ref != "", len(s.AnyOf) > 0, s.Not != nil:
		return &Schema{AnyOf: []*Schema{s, {Type: TypeNames{"null"}}}}
	case len(s.Type) == 0: // any value
		return s
	}
	for _, t := range s.Type {
		if t == "null" {
			return s
		}
	}
	if len(s.Enum) > 0 {
		s.Enum = append(s.Enum, nil)
	}
	s.Type = append(s.Type, "null")
	return s
}
