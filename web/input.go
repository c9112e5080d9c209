package web

import (
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/gomeko/gomeko/signature"
)

// An input is a field of a struct that is filled from a request.
type input struct {
	param signature.Param
	index []int  // of the field
	in    string // path, query, header, or body: by the name of the parameter
	key   string
	parse parser // of each text; nil if only JSON has values for it
	list  bool   // a slice, which takes all texts
}

// sources are the keys of a field's tag that say where it is found.
var sources = []string{"path", "query", "header"}

// read finds out where the fields of t are found; names are the wildcards that they are to take.
func (b *binding) read(t reflect.Type, sig *signature.Signature, names []string) error {
	var mistakes []error
	left := slices.Clone(names)
	fields := parameters(t, nil)
	b.fill = t
	for i, p := range sig.Params {
		in, err := newInput(p, fields[i], names)
		if err != nil {
			mistakes = append(mistakes, err)
			continue
		}
		left = slices.DeleteFunc(left, func(name string) bool { return in.in == "path" && in.key == name })
		if in.in == "body" {
			b.sized++
		}
		b.inputs = append(b.inputs, in)
	}
	if len(left) > 0 && !b.request && mistakes == nil {
		mistakes = append(mistakes, fmt.Errorf(`no field of %s takes %s: write one with path:"%s"`, t, these(left), left[0]))
	}
	return errors.Join(mistakes...)
}

// parameters are the fields of t that are parameters, in the order in which service has them.
func parameters(t reflect.Type, index []int) (fields []reflect.StructField) {
	for i := range t.NumField() {
		f := t.Field(i)
		tag := f.Tag.Get("json")
		name, _, _ := strings.Cut(tag, ",")
		switch {
		case tag == "-":
		case f.Anonymous && name == "":
			fields = append(fields, parameters(f.Type, append(slices.Clip(index), i))...)
		case f.IsExported():
			f.Index = append(slices.Clip(index), i)
			fields = append(fields, f)
		}
	}
	return fields
}

func newInput(p signature.Param, f reflect.StructField, names []string) (input, error) {
	in := input{param: p, index: f.Index, in: "body", key: p.Name, parse: parserOf(p.Type)}
	if in.parse == nil && p.Type.Kind() == reflect.Slice {
		in.parse, in.list = parserOf(p.Type.Elem()), true
	}
	var tagged []string
	for _, source := range sources {
		if key, ok := f.Tag.Lookup(source); ok {
			in.in, in.key = source, key
			tagged = append(tagged, source)
		}
	}
	if tagged == nil && slices.Contains(names, p.Name) {
		in.in = "path"
	}
	switch {
	case len(tagged) > 1:
		return in, fmt.Errorf("the field %s has the keys %s: leave one", f.Name, strings.Join(tagged, " and "))
	case in.key == "":
		return in, fmt.Errorf("the field %s has an empty name for %s: write one", f.Name, in.in)
	case in.in == "path" && !slices.Contains(names, in.key):
		return in, fmt.Errorf("the field %s is the wildcard %s, and the pattern has %s for it to take", f.Name, in.key, these(names))
	case in.in != "body" && (in.parse == nil || in.list && in.in == "path"):
		return in, fmt.Errorf("the field %s is %s, and what comes by %s is text: make it a string, a number, a bool or a type with UnmarshalText", f.Name, f.Type, in.in)
	case in.in == "header":
		in.key = http.CanonicalHeaderKey(in.key)
	}
	return in, nil
}

// texts decodes texts, of which there is at least one, into v.
func (in *input) texts(texts []string, v reflect.Value) error {
	switch {
	case in.parse == nil:
		return errors.New("no text is one: send JSON")
	case !in.list && len(texts) > 1:
		return fmt.Errorf("is there %d times", len(texts))
	case !in.list:
		return in.parse(texts[0], v)
	}
	v.Set(reflect.MakeSlice(v.Type(), len(texts), len(texts)))
	for i, text := range texts {
		if err := in.parse(text, v.Index(i)); err != nil {
			return err
		}
	}
	return nil
}
