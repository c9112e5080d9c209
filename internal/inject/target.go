package inject

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"

	"go.uber.org/fx"
)

// Tag is the key of the fields that are given a value: inject:"" by their type, inject:"backup" also by that name.
const Tag = "inject"

// A Target is a struct whose fields an application gives values, as [Fill] has named it.
type Target struct {
	Ptr any // as given to Fill; it is never written to

	fields []*field
}

// A field is one that asks for a value.
type field struct {
	index []int
	typ   reflect.Type
	goal  string // its name in Go
	name  string // on request

	value  reflect.Value // of the process; invalid: fx was not asked
	source Source        // of each call; nil: none
	err    error         // why it has neither
}

// Fill returns the option that has an application give values to the fields with the key [Tag] of the struct that ptr points
// to, and of the structs embedded in it. A field that holds a value already keeps it. It needs the application of [New].
func Fill(ptr any) fx.Option {
	t := newTarget(ptr) // each application gets its own: an option may be part of many
	asks := []any{func(a *App) { a.Targets = append(a.Targets, t.clone()) }}
	for i, f := range t.fields {
		asks = append(asks, func(a *App) { a.asking = a.Targets[len(a.Targets)-1].fields[i] }, f.ask())
	}
	return fx.Invoke(asks...)
}

func newTarget(ptr any) *Target {
	t := &Target{Ptr: ptr}
	if v := reflect.ValueOf(ptr); v.Kind() == reflect.Pointer && !v.IsNil() && v.Type().Elem().Kind() == reflect.Struct {
		t.add(v.Elem(), nil)
	}
	return t
}

func (t *Target) clone() *Target {
	c := &Target{Ptr: t.Ptr, fields: make([]*field, len(t.fields))}
	for i, f := range t.fields {
		own := *f
		c.fields[i] = &own
	}
	return c
}

// add adds the fields of v, which lies at index in the target's struct.
func (t *Target) add(v reflect.Value, index []int) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		at := append(slices.Clip(index), i)
		name, ok := f.Tag.Lookup(Tag)
		switch {
		case ok && f.IsExported() && v.Field(i).IsZero():
			t.fields = append(t.fields, &field{index: at, typ: f.Type, goal: f.Name, name: name})
		case !ok && f.Anonymous && f.Type.Kind() == reflect.Struct:
			t.add(v.Field(i), at)
		}
	}
}

// Bind gives the field at index of proto, a copy of the target's struct, its value; or makes it a step of plan, if
// each call gets its own. The error says why there is none, and what would be right.
func (t *Target) Bind(plan *Plan, proto reflect.Value, index []int) error {
	for _, f := range t.fields {
		switch {
		case !slices.Equal(f.index, index):
		case f.err != nil:
			return f.err
		case f.source != nil:
			plan.steps = append(plan.steps, step{f.goal, f.index, f.source})
		case f.value.IsValid():
			proto.FieldByIndex(index).Set(f.value)
		}
	}
	return nil
}

// ask returns a function for fx.Invoke that is given what there is for the field.
func (f *field) ask() any {
	in := reflect.StructOf([]reflect.StructField{
		{Name: "In", Type: reflect.TypeFor[fx.In](), Anonymous: true},
		{Name: "App", Type: reflect.TypeFor[*App]()},
		{Name: "Value", Type: f.typ, Tag: f.tag("true")},
		{Name: "Entry", Type: f.entry(), Tag: f.tag("true")},
	})
	asked := reflect.FuncOf([]reflect.Type{in}, nil, false)
	return reflect.MakeFunc(asked, func(args []reflect.Value) []reflect.Value {
		a := args[0].Field(1).Interface().(*App)
		a.asking.value = args[0].Field(2)
		if entry := args[0].Field(3); !entry.IsNil() {
			a.asking.source = entry.Call([]reflect.Value{reflect.Zero(f.typ)})[0].Interface().(Source)
		}
		a.asking = nil
		return nil
	}).Interface()
}

// demand returns a function for fx.Invoke that cannot do without t.
func (f *field) demand(t reflect.Type) any {
	in := reflect.StructOf([]reflect.StructField{
		{Name: "In", Type: reflect.TypeFor[fx.In](), Anonymous: true},
		{Name: "Value", Type: t, Tag: f.tag("false")},
	})
	demanded := reflect.FuncOf([]reflect.Type{in}, nil, false)
	return reflect.MakeFunc(demanded, func([]reflect.Value) []reflect.Value { return nil }).Interface()
}

// entry is the type under which a PerCall of the field's type stands in the graph.
func (f *field) entry() reflect.Type {
	return reflect.FuncOf([]reflect.Type{f.typ}, []reflect.Type{reflect.TypeFor[Source]()}, false)
}

func (f *field) tag(optional string) reflect.StructTag {
	tag := "optional:" + strconv.Quote(optional)
	if f.name != "" {
		tag += " name:" + strconv.Quote(f.name)
	}
	return reflect.StructTag(tag)
}

// nothing is the error of a field that nobody provides; like is what else is provided that would do.
func (f *field) nothing(like, misplaced string) error {
	what, constructor := f.typ.String(), fmt.Sprintf("func(…) (%s, error)", f.typ)
	if f.name != "" {
		what += fmt.Sprintf(" named %q", f.name)
		constructor = fmt.Sprintf("fx.Annotated{Name: %q, Target: %s}", f.name, constructor)
	}
	switch {
	case misplaced != "":
		return fmt.Errorf("nothing provides %s; %s does per call, in fx.Provide: put it into di.PerCall", what, misplaced)
	case like != "" && f.typ.Kind() == reflect.Interface:
		return fmt.Errorf("nothing provides %s; %s is provided: provide it as that, with fx.Annotate(…, fx.As(new(%s)))", what, like, f.typ)
	case like != "":
		return fmt.Errorf("nothing provides %s; %s is provided: make the field that", what, like)
	}
	return fmt.Errorf("nothing provides %s; add fx.Provide(%s) or di.PerCall to the module", what, constructor)
}
