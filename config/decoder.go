package config

import (
	"cmp"
	"encoding"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/gomeko/gomeko/internal/secret"
)

// A decoder decodes YAML into Go values, and collects all mistakes.
type decoder struct {
	at       string
	mistakes []error
}

// A place is the position of a value: its key with the keys above it, and the line.
type place struct {
	name string
	line int
}

// under returns the place of a key in the mapping at p.
func (p place) under(key *yaml.Node) place { return place{p.name + "." + key.Value, key.Line} }

// value decodes n into v. null leaves v unchanged.
func (d *decoder) value(at place, n *yaml.Node, v reflect.Value) {
	n = target(n)
	if n.Tag == "!!null" {
		return
	}
	switch kind := v.Kind(); {
	case v.Type() == reflect.TypeFor[time.Duration]():
		d.mistake(at, duration(v.Addr().Interface().(*time.Duration), plain(n)))
	case decodesItself(v):
		if n.Decode(v.Addr().Interface()) != nil {
			d.mistake(at, misfit(at.name, n, "a valid "+v.Type().String()))
		}
	case kind == reflect.Pointer:
		fresh := reflect.New(v.Type().Elem())
		if !v.IsNil() {
			fresh.Elem().Set(v.Elem())
		}
		d.value(at, n, fresh.Elem())
		v.Set(fresh)
	case kind == reflect.Struct:
		d.object(at, n, v)
	case kind == reflect.Map && v.Type().Key().Kind() == reflect.String:
		d.entries(at, n, v)
	case kind == reflect.Slice:
		d.list(at, n, v)
	default:
		d.scalar(at, n, v)
	}
}

// object decodes a mapping into the fields of a struct, and calls Validate if the struct has it.
func (d *decoder) object(at place, n *yaml.Node, v reflect.Value) {
	if n.Kind != yaml.MappingNode {
		d.mistake(at, misfit(at.name, n, "an object"))
		return
	}
	fields := fields(v)
	present := map[string]bool{}
	for k, value := range pairs(n) {
		present[k.Value] = target(value).Tag != "!!null"
		field, ok := fields[k.Value]
		if !ok {
			known := slices.Sorted(maps.Keys(fields))
			d.mistake(at.under(k), unknownKey(k.Value, known))
			continue
		}
		d.field(at.under(k), value, field)
	}
	d.missing(at, fields, present)
	if s, ok := v.Addr().Interface().(interface{ Validate() error }); ok {
		d.mistake(at, s.Validate())
	}
}

// missing adds a mistake for each required field that is not present, including those of structs
// that are not present.
func (d *decoder) missing(at place, all map[string]field, present map[string]bool) {
	for _, name := range slices.Sorted(maps.Keys(all)) {
		f, where := all[name], place{at.name + "." + name, at.line}
		switch {
		case present[name]:
		case slices.Contains(f.options, "required"):
			d.mistake(where, errMissing)
		case f.Kind() == reflect.Struct && !decodesItself(f.Value):
			d.missing(where, fields(f.Value), nil)
		}
	}
}

var errMissing = errors.New("is missing: it is required")

// A field is a struct field with the options of the tag key config.
type field struct {
	reflect.Value
	options []string
}

// fields returns the fields of a struct by their names in YAML.
func fields(v reflect.Value) map[string]field {
	found := map[string]field{}
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case !f.IsExported() || name == "-":
		case options == "inline" && f.Type.Kind() == reflect.Struct:
			maps.Copy(found, fields(v.Field(i)))
		default:
			name = cmp.Or(name, strings.ToLower(f.Name))
			options := strings.Split(f.Tag.Get("config"), ",")
			if f.Tag.Get("required") == "true" {
				options = append(options, "required")
			}
			found[name] = field{v.Field(i), options}
		}
	}
	return found
}

// field decodes n into a field. [Section] documents the options.
func (d *decoder) field(at place, n *yaml.Node, f field) {
	n = target(n)
	if n.Tag == "!!null" {
		return
	}
	before := len(d.mistakes)
	switch has := func(option string) bool { return slices.Contains(f.options, option) }; {
	case has("none"):
		d.mistake(at, limit(f.Addr().Interface().(*time.Duration), plain(n)))
	case has("inverted"):
		on := !f.Bool()
		d.value(at, n, reflect.ValueOf(&on).Elem())
		f.SetBool(!on)
	case has("positive"):
		if number, ok := plain(n).(int); !ok || number < 1 || f.OverflowInt(int64(number)) {
			d.mistake(at, misfit(at.name, n, "an integer of at least 1"))
			return
		}
		d.value(at, n, f.Value)
	default:
		d.value(at, n, f.Value)
		if has("nonempty") && f.Len() == 0 && len(d.mistakes) == before {
			d.mistake(at, errors.New("must not be empty"))
		}
	}
}

// entries decodes a mapping into a copy of a map, so that defaults do not change.
func (d *decoder) entries(at place, n *yaml.Node, v reflect.Value) {
	if n.Kind != yaml.MappingNode {
		d.mistake(at, misfit(at.name, n, "an object"))
		return
	}
	fresh := reflect.MakeMap(v.Type())
	for it := v.MapRange(); it.Next(); {
		fresh.SetMapIndex(it.Key(), it.Value())
	}
	for k, value := range pairs(n) {
		key := reflect.ValueOf(k.Value).Convert(v.Type().Key())
		element := reflect.New(v.Type().Elem()).Elem()
		if old := v.MapIndex(key); old.IsValid() {
			element.Set(old)
		}
		d.value(at.under(k), value, element)
		fresh.SetMapIndex(key, element)
	}
	v.Set(fresh)
}

// list decodes a sequence into a new slice.
func (d *decoder) list(at place, n *yaml.Node, v reflect.Value) {
	if n.Kind != yaml.SequenceNode {
		d.mistake(at, misfit(at.name, n, "a list"))
		return
	}
	fresh := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
	for i, each := range n.Content {
		d.value(place{fmt.Sprintf("%s[%d]", at.name, i), each.Line}, each, fresh.Index(i))
	}
	v.Set(fresh)
}

// scalar decodes n into a value of a simple type. A bool is not accepted as text, because the text
// may have been the word no.
func (d *decoder) scalar(at place, n *yaml.Node, v reflect.Value) {
	if v.Kind() == reflect.String && n.Tag == "!!bool" {
		d.mistake(at, errors.New(`must be text, not true or false: put it in quotes, or write !raw_env_var "${NAME}" if it is the value of a variable`))
		return
	}
	number, isFloat := plain(n).(float64)
	cut := isFloat && number != math.Trunc(number) && (v.CanInt() || v.CanUint()) // package yaml would truncate it
	if cut || n.Decode(v.Addr().Interface()) != nil {
		d.mistake(at, misfit(at.name, n, wanted(v)))
	}
}

// wanted describes the values that fit a simple type.
func wanted(v reflect.Value) string {
	bits := 0
	if v.CanInt() || v.CanUint() {
		bits = v.Type().Bits()
	}
	switch {
	case v.Kind() == reflect.String:
		return "text"
	case v.Kind() == reflect.Bool:
		return "true or false"
	case v.CanInt() && bits < 64:
		return fmt.Sprintf("an integer from %d to %d", -1<<(bits-1), 1<<(bits-1)-1)
	case v.CanInt():
		return "an integer"
	case v.CanUint() && bits < 64:
		return fmt.Sprintf("an integer from 0 to %d", 1<<bits-1)
	case v.CanUint():
		return "an integer of at least 0"
	case v.CanFloat():
		return "a number"
	}
	return "a valid " + v.Type().String()
}

// misfit returns the error for a value that does not fit.
func misfit(name string, n *yaml.Node, want string) error {
	if secret.Key(name) {
		return fmt.Errorf("must be %s; the value is secret and not shown", want)
	}
	return fmt.Errorf("must be %s, not %s", want, show(plain(n)))
}

// plain returns n without a type to fit: a bool, a number, a list, a map, or otherwise text.
func plain(n *yaml.Node) any {
	var v any
	if n.Decode(&v) != nil {
		return n.Value
	}
	return v
}

// mistake adds err, or each of the errors that it joins.
func (d *decoder) mistake(at place, err error) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, each := range joined.Unwrap() {
			d.mistake(at, each)
		}
	} else if err != nil {
		d.mistakes = append(d.mistakes, fmt.Errorf("%s%s: %w", position(d.at, at.line), at.name, err))
	}
}

// position returns the beginning of a message about a line of the file, or about all of it, which
// is line 0.
func position(at string, line int) string {
	switch {
	case line > 0:
		return fmt.Sprintf("%s%d: ", at, line)
	case strings.HasSuffix(at, ":"):
		return at + " "
	}
	return ""
}

// decodesItself reports whether v's type has a method that decodes YAML or text.
func decodesItself(v reflect.Value) bool {
	switch v.Addr().Interface().(type) {
	case yaml.Unmarshaler, encoding.TextUnmarshaler:
		return true
	}
	return false
}

// pairs yields the keys and values of a mapping. Those of its merges (<<) come last, and do not
// override.
func pairs(mapping *yaml.Node) iter.Seq2[*yaml.Node, *yaml.Node] {
	return func(yield func(key, value *yaml.Node) bool) { merged(mapping, map[string]bool{}, yield) }
}

// merged yields the pairs whose keys are not seen yet. It returns false to stop.
func merged(n *yaml.Node, seen map[string]bool, yield func(key, value *yaml.Node) bool) bool {
	n = target(n)
	if n.Kind == yaml.SequenceNode { // a list of merges
		return !slices.ContainsFunc(n.Content, func(each *yaml.Node) bool { return !merged(each, seen, yield) })
	}
	var merges []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		switch {
		case key.Tag == "!!merge":
			merges = append(merges, value)
		case !seen[key.Value]:
			seen[key.Value] = true
			if !yield(key, value) {
				return false
			}
		}
	}
	return !slices.ContainsFunc(merges, func(m *yaml.Node) bool { return !merged(m, seen, yield) })
}

// target returns the node that an alias refers to.
func target(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}
