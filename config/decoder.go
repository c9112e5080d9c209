package config

import (
	"encoding"
	"errors"
	"fmt"
	"iter"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// A decoder puts YAML into Go values, strictly, and collects every mistake with its line.
type decoder struct {
	at       string
	mistakes []error
}

// value puts n into v. name is the key's with those above it; null leaves v as it is.
func (d *decoder) value(name string, n *yaml.Node, v reflect.Value) {
	n = target(n)
	if n.Tag == "!!null" {
		return
	}
	switch kind := v.Kind(); {
	case v.Type() == reflect.TypeFor[time.Duration]():
		d.mistake(name, n, duration(v.Addr().Interface().(*time.Duration), plain(n)))
	case decodesItself(v):
		if n.Decode(v.Addr().Interface()) != nil {
			d.mistake(name, n, misfit(name, n, "what "+v.Type().String()+" reads"))
		}
	case kind == reflect.Pointer:
		fresh := reflect.New(v.Type().Elem())
		if !v.IsNil() {
			fresh.Elem().Set(v.Elem())
		}
		d.value(name, n, fresh.Elem())
		v.Set(fresh)
	case kind == reflect.Struct:
		d.object(name, n, v)
	case kind == reflect.Map && v.Type().Key().Kind() == reflect.String:
		d.entries(name, n, v)
	case kind == reflect.Slice:
		d.list(name, n, v)
	default:
		d.scalar(name, n, v)
	}
}

// object puts a mapping into the fields of a struct.
func (d *decoder) object(name string, n *yaml.Node, v reflect.Value) {
	if n.Kind != yaml.MappingNode {
		d.mistake(name, n, misfit(name, n, "keys with values under it"))
		return
	}
	fields := fields(v)
	for k, value := range pairs(n) {
		field, ok := fields[k.Value]
		if !ok {
			known := slices.Sorted(maps.Keys(fields))
			near, _ := nearest(k.Value, known)
			d.mistake(name+"."+k.Value, k, errors.New("is not known; the nearest is "+near))
			continue
		}
		d.value(name+"."+k.Value, value, field)
	}
}

// fields returns the fields of a struct by the names that YAML has for them.
func fields(v reflect.Value) map[string]reflect.Value {
	found := map[string]reflect.Value{}
	for i := range v.NumField() {
		field := v.Type().Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		switch {
		case !field.IsExported() || name == "-":
		case options == "inline" && field.Type.Kind() == reflect.Struct:
			maps.Copy(found, fields(v.Field(i)))
		case name == "":
			found[strings.ToLower(field.Name)] = v.Field(i)
		default:
			found[name] = v.Field(i)
		}
	}
	return found
}

// entries puts a mapping into a copy of a map.
func (d *decoder) entries(name string, n *yaml.Node, v reflect.Value) {
	if n.Kind != yaml.MappingNode {
		d.mistake(name, n, misfit(name, n, "keys with values under it"))
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
		d.value(name+"."+k.Value, value, element)
		fresh.SetMapIndex(key, element)
	}
	v.Set(fresh)
}

// list puts a sequence into a slice, which it replaces.
func (d *decoder) list(name string, n *yaml.Node, v reflect.Value) {
	if n.Kind != yaml.SequenceNode {
		d.mistake(name, n, misfit(name, n, "a list"))
		return
	}
	fresh := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
	for i, each := range n.Content {
		d.value(fmt.Sprintf("%s[%d]", name, i), each, fresh.Index(i))
	}
	v.Set(fresh)
}

// scalar puts n into a value of a simple type. What YAML took for yes and no is not text any more: it was NO, perhaps.
func (d *decoder) scalar(name string, n *yaml.Node, v reflect.Value) {
	if v.Kind() == reflect.String && n.Tag == "!!bool" {
		d.mistake(name, n, errors.New("want text, got true or false: put it in quotes"))
		return
	}
	if n.Decode(v.Addr().Interface()) != nil {
		d.mistake(name, n, misfit(name, n, wanted(v)))
	}
}

// wanted says what fits a value of a simple type.
func wanted(v reflect.Value) string {
	switch {
	case v.Kind() == reflect.String:
		return "text"
	case v.Kind() == reflect.Bool:
		return "true or false"
	case v.CanInt():
		return fmt.Sprintf("a whole number of at most %d bits", v.Type().Bits())
	case v.CanUint():
		return fmt.Sprintf("a whole number from 0 on of at most %d bits", v.Type().Bits())
	case v.CanFloat():
		return "a number"
	}
	return "what fits " + v.Type().String()
}

// misfit is the error of a value that is not what is wanted.
func misfit(name string, n *yaml.Node, want string) error {
	got := show(plain(n))
	if secret(name) {
		got = "what is not shown"
	}
	return fmt.Errorf("want %s, got %s", want, got)
}

// plain is n as YAML has it, without a type to fit; what that cannot be is text.
func plain(n *yaml.Node) any {
	var v any
	if n.Decode(&v) != nil {
		return n.Value
	}
	return v
}

func (d *decoder) mistake(name string, n *yaml.Node, err error) {
	if err != nil {
		d.mistakes = append(d.mistakes, fmt.Errorf("%s%d: %s: %w", d.at, n.Line, name, err))
	}
}

// decodesItself reports whether v's type has a method that reads it.
func decodesItself(v reflect.Value) bool {
	switch v.Addr().Interface().(type) {
	case yaml.Unmarshaler, encoding.TextUnmarshaler:
		return true
	}
	return false
}

// pairs yields keys and values of a mapping, and of its merges (<<) those that it has not itself.
func pairs(mapping *yaml.Node) iter.Seq2[*yaml.Node, *yaml.Node] {
	return func(yield func(key, value *yaml.Node) bool) { merged(mapping, map[string]bool{}, yield) }
}

// merged yields what is not seen yet. It returns false to end.
func merged(n *yaml.Node, seen map[string]bool, yield func(key, value *yaml.Node) bool) bool {
	n = target(n)
	if n.Kind == yaml.SequenceNode { // several to be merged
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

// target is what an alias stands for.
func target(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}
