package inject

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.uber.org/fx"
)

// Tag is the tag key of fields to set: inject:"" by type, inject:"backup" also by that name.
const Tag = "inject"

// A Target is a struct whose fields an application sets.
type Target struct {
	Ptr any // the argument of [Fill]; it is never modified

	fields []*field
}

// A field is a field of a target that has no value yet.
type field struct {
	index []int
	typ   reflect.Type
	goal  string // the Go name of the field
	name  string // the name in the tag

	value  reflect.Value // the value for the process; invalid if fx was not asked
	source Source        // of the values for calls; nil if there is none
	err    error         // the reason why it has neither
}

// Fill returns an option for [New] that makes ptr, a pointer to a struct, a target: New provides
// values for its fields with the key [Tag], and for those of structs embedded in it. A field that
// already has a value keeps it.
func Fill(ptr any) fx.Option {
	t := newTarget(ptr) // each application clones the target, because several may share the option
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

// add adds the fields of v, which is the target's struct or the struct embedded at index.
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

// Bind sets the field at index of proto, a copy of the target's struct. If each call has its own
// value, Bind adds a step to plan instead. If there is no value, the error says why, and what to
// do.
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

// ask returns a function for fx.Invoke that receives the field's value or source if it is provided.
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

// demand returns a function for fx.Invoke that requires a value of type t.
func (f *field) demand(t reflect.Type) any {
	in := reflect.StructOf([]reflect.StructField{
		{Name: "In", Type: reflect.TypeFor[fx.In](), Anonymous: true},
		{Name: "Value", Type: t, Tag: f.tag("false")},
	})
	demanded := reflect.FuncOf([]reflect.Type{in}, nil, false)
	return reflect.MakeFunc(demanded, func([]reflect.Value) []reflect.Value { return nil }).Interface()
}

// entry returns the type under which fx's graph contains the source of the field's type; di.PerCall
// provides it. Unlike di.Provider[T], it can be constructed for a T that is only known to
// reflection.
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

// nothing returns the error for a field whose value is not provided. like is a similar type that is
// provided, or "". misplaced is a constructor of its provider that was passed to fx.Provide, or "".
func (f *field) nothing(like, misplaced string) error {
	what, constructor := f.typ.String(), fmt.Sprintf("func(…) (%s, error)", f.typ)
	if f.name != "" {
		what += fmt.Sprintf(" named %q", f.name)
		constructor = fmt.Sprintf("fx.Annotated{Name: %q, Target: %s}", f.name, constructor)
	}
	inner, lazy := strings.CutPrefix(f.typ.String(), "di.Lazy[")
	switch {
	case lazy:
		return fmt.Errorf("nothing provides %s per call; add di.PerCall(func(…) di.Provider[%s) to the module", Short(what), Short(inner))
	case misplaced != "":
		return fmt.Errorf("nothing provides %s; %s provides it per call: pass that to di.PerCall instead of fx.Provide", what, misplaced)
	case like != "" && f.typ.Kind() == reflect.Interface:
		return fmt.Errorf("nothing provides %s; to use %s, wrap its constructor in fx.Annotate(…, fx.As(new(%s)))", what, like, f.typ)
	case like != "":
		return fmt.Errorf("nothing provides %s; %s is provided: change the field's type to that", what, like)
	}
	return fmt.Errorf("nothing provides %s; add fx.Provide(%s) or di.PerCall to the module", what, constructor)
}
