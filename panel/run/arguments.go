package run

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/contract"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
)

const (
	// maxArguments limits the size of a run's arguments, in bytes.
	maxArguments = 1 << 20

	// maxDepth limits how deep sensitive values are searched for in a schema. Anything deeper is
	// hidden.
	maxDepth = 64
)

// arguments are the arguments of a run.
type arguments struct {
	list   []any  // positional and, at the end, the keywords
	text   string // a JSON object, without sensitive values
	hidden []string
}

// read reads arguments from a JSON object, by the names of the row's parameters. Those of *args are
// a list, and those of **kwargs an object.
func read(d *contract.Document, row *contract.Row, text json.RawMessage) (*arguments, error) {
	fail := func(format string, args ...any) (*arguments, error) {
		return nil, fmt.Errorf("%w of %s.%s: %w", ErrArguments, d.Service, row.Name, fmt.Errorf(format, args...))
	}
	if len(text) > maxArguments {
		return fail("have %d bytes, the limit is %d", len(text), maxArguments)
	}
	given, err := object(text)
	if err != nil {
		return fail("%w", err)
	}
	a := &arguments{}
	shown := map[string]any{}
	var keywords rpc.Kwargs
	rest := restOf(row, given)
	for i := range row.Parameters {
		p := &row.Parameters[i]
		value, ok := given[p.Name]
		delete(given, p.Name)
		if !ok {
			if rest > i {
				if p.Default == nil || p.Sensitive {
					return fail("%s is missing, and there are further arguments after it", p.Name)
				}
				if value, err = decode(p.Default); err != nil {
					return fail("default of %s: %w", p.Name, err)
				}
				a.list = append(a.list, value)
			} else if p.Required {
				return fail("%s is missing", p.Name)
			}
			continue
		}
		m := &masker{document: d}
		if shown[p.Name] = m.parameter(p, value); m.masked {
			a.hidden = append(a.hidden, p.Name)
		}
		if keywords, err = a.add(p, value, rest > i, keywords); err != nil {
			return fail("%w", err)
		}
	}
	for name := range given {
		return fail("there is no parameter %.60q", name)
	}
	if len(keywords) > 0 {
		a.list = append(a.list, keywords)
	}
	shownText, err := json.Marshal(shown)
	a.text = clean(string(shownText))
	return a, err
}

// Show returns arguments as the history shows them, without sensitive values, and the parameters
// from which values were removed. The error wraps [ErrArguments].
func Show(d *contract.Document, row *contract.Row, arguments json.RawMessage) (shown json.RawMessage, hidden []string, err error) {
	a, err := read(d, row, arguments)
	if err != nil {
		return nil, nil, err
	}
	return json.RawMessage(a.text), a.hidden, nil
}

// restOf returns the index of *args if it has values: the parameters before it are then positional.
func restOf(row *contract.Row, given map[string]any) int {
	for i, p := range row.Parameters {
		if list, ok := given[p.Name].([]any); p.Kind == "rest" && ok && len(list) > 0 {
			return i
		}
	}
	return -1
}

// add adds the value of a parameter, and returns keywords, including the value if it is one.
func (a *arguments) add(p *contract.Parameter, value any, positional bool, keywords rpc.Kwargs) (rpc.Kwargs, error) {
	switch {
	case p.Kind == "rest":
		list, ok := value.([]any)
		if !ok {
			return nil, fmt.Errorf("%s: must be a list", p.Name)
		}
		a.list = append(a.list, list...)
	case p.Kind == "options":
		more, ok := value.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("%s: must be an object", p.Name)
		}
		for _, name := range sorted(more) {
			keywords = append(keywords, name, more[name])
		}
	case positional:
		a.list = append(a.list, value)
	default:
		keywords = append(keywords, p.Name, value)
	}
	return keywords, nil
}

// object reads a JSON object.
func object(text json.RawMessage) (map[string]any, error) {
	if len(bytes.TrimSpace(text)) == 0 {
		return map[string]any{}, nil
	}
	value, err := decode(text)
	if err != nil {
		return nil, err
	}
	given, ok := value.(map[string]any)
	if !ok {
		return nil, errors.New("must be a JSON object")
	}
	return given, nil
}

// decode decodes JSON. It does not convert numbers.
func decode(text json.RawMessage) (value any, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&value); err != nil {
		return nil, fmt.Errorf("must be JSON: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("must be one JSON value, there is more after it")
	}
	return value, nil
}

// A masker replaces the sensitive parts of a parameter's value.
type masker struct {
	document *contract.Document
	masked   bool // something was replaced
	strict   bool // the parameter is sensitive, and values without a schema are hidden
}

// parameter returns the value of a parameter without its sensitive parts.
func (m *masker) parameter(p *contract.Parameter, value any) any {
	shown := any(service.Redacted)
	if m.strict = p.Sensitive; !m.strict || m.document.OnlyMembers(p) {
		shown = m.value(schemaOf(p), value, 0)
	}
	if m.strict && !m.masked { // all of it is sensitive, or it does not match its schema
		m.masked, shown = true, service.Redacted
	}
	return shown
}

// schemaOf returns the schema of a parameter's value. For *args and **kwargs, that is the schema of
// their elements.
func schemaOf(p *contract.Parameter) *codec.Schema {
	switch p.Kind {
	case "rest":
		return &codec.Schema{Items: p.Schema}
	case "options":
		return &codec.Schema{AdditionalProperties: p.Schema}
	}
	return p.Schema
}

// hide returns the replacement for a sensitive value.
func (m *masker) hide() any {
	m.masked = true
	return service.Redacted
}

// value returns a value without its sensitive parts.
func (m *masker) value(s *codec.Schema, value any, depth int) any {
	switch {
	case s == nil || value == nil:
		return value
	case s.Sensitive || depth > maxDepth:
		return m.hide()
	}
	if s.Ref != "" {
		definition := m.document.Definition(s)
		if definition == nil && m.strict {
			return m.hide()
		}
		value = m.value(definition, value, depth+1)
	}
	for _, other := range s.AnyOf {
		value = m.value(other, value, depth+1)
	}
	switch v := value.(type) {
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = m.value(s.Items, v[i], depth+1)
		}
		return list
	case map[string]any:
		members := make(map[string]any, len(v))
		for name, one := range v {
			members[name] = m.member(s, name, one, depth+1)
		}
		return members
	}
	return value
}

// member returns a member of an object without its sensitive parts. As in a worker, a name that
// differs from that in the schema only in case means the same member.
func (m *masker) member(s *codec.Schema, name string, value any, depth int) any {
	known := false
	for _, p := range s.Properties {
		if strings.EqualFold(p.Name, name) {
			known = true
			value = m.value(p.Schema, value, depth)
		}
	}
	switch {
	case known:
		return value
	case m.strict && len(s.Properties) > 0 && s.AdditionalProperties == nil: // a misspelt name
		return m.hide()
	}
	return m.value(s.AdditionalProperties, value, depth)
}
