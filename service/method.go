package service

import (
	"context"
	"reflect"

	"github.com/gomeko/gomeko/internal/inject"
	"github.com/gomeko/gomeko/signature"
)

// A method is a Go method bound to its signature: all that a call needs, looked up once.
type method struct {
	name    string
	sig     *signature.Signature
	proto   reflect.Value // the service that each call gets a copy of
	fn      reflect.Value // the method expression: the receiver is its first parameter
	plan    *inject.Plan  // what each copy is given
	leading []reflect.Type
	frame   reflect.Type // the struct of what a call needs: the service, ctx, and args or else each parameter
	args    reflect.Type // the struct whose fields are the parameters; nil: each is a Go parameter
	ptr     bool         // the struct is taken by pointer
	slots   []slot       // as many as sig.Params, in their order
	bare    bool         // it takes the leading parameters and nothing else, and returns nothing
}

// A slot is where the argument of a parameter goes.
type slot struct {
	typ      reflect.Type
	index    []int // of the field, where parameters are fields
	expected string
	fallback func(dst reflect.Value) // sets the default; nil: the zero value is it
	hidden   bool                    // sensitive: what came is not printed
}

// prepare returns a copy of the service, and the arguments of a call of its method, appended to in: the
// copy, ctx, the leading values and the decoded arguments. All but the leading values lie in one frame.
func (m *method) prepare(ctx context.Context, leading []any, args *signature.Matched, in []reflect.Value) (self reflect.Value, _ []reflect.Value, err error) {
	frame := reflect.New(m.frame).Elem()
	self = frame.Field(0)
	self.Set(m.proto)
	in = append(in, self.Addr())
	if !m.bare {
		at := frame.Field(1)
		*at.Addr().Interface().(*context.Context) = ctx
		in = append(in, at) // as the interface: else each Call finds out anew that ctx implements it
	}
	for i, t := range m.leading {
		v := leading[i]
		if late, ok := v.(func(context.Context) any); ok {
			v = late(ctx)
		}
		if v == nil {
			in = append(in, reflect.Zero(t))
		} else {
			in = append(in, reflect.ValueOf(v))
		}
	}
	in, err = m.decode(in, frame, args)
	return self, in, err
}

// decode appends the arguments, in the method's types, to in. They are in the frame.
func (m *method) decode(in []reflect.Value, frame reflect.Value, args *signature.Matched) ([]reflect.Value, error) {
	var fields reflect.Value
	if m.args != nil {
		fields = frame.Field(2)
	}
	for i := range m.slots {
		s := &m.slots[i]
		var dst reflect.Value
		if m.args != nil {
			dst = fields.FieldByIndex(s.index)
		} else {
			dst = frame.Field(2 + i)
			in = append(in, dst)
		}
		if err := m.fill(dst, i, args); err != nil {
			return nil, err
		}
	}
	switch {
	case m.ptr:
		in = append(in, fields.Addr())
	case m.args != nil:
		in = append(in, fields)
	}
	return in, nil
}

// fill sets dst to what parameter i got.
func (m *method) fill(dst reflect.Value, i int, args *signature.Matched) error {
	s, p := &m.slots[i], &m.sig.Params[i]
	switch {
	case p.Kind == signature.Rest:
		dst.Set(reflect.MakeSlice(s.typ, len(args.Rest), len(args.Rest)))
		for j, v := range args.Rest {
			if err := m.store(dst.Index(j), p.Name, s, v); err != nil {
				return err
			}
		}
	case p.Kind == signature.Options:
		dst.Set(reflect.MakeMapWithSize(s.typ, len(args.Options)))
		for _, kw := range args.Options {
			v := reflect.New(s.typ.Elem()).Elem()
			if err := m.store(v, kw.Name, s, kw.Value); err != nil {
				return err
			}
			dst.SetMapIndex(reflect.ValueOf(kw.Name).Convert(s.typ.Key()), v)
		}
	case args.Given[i] != nil:
		return m.store(dst, p.Name, s, args.Given[i])
	case s.fallback != nil:
		s.fallback(dst)
	}
	return nil
}

func (m *method) store(dst reflect.Value, name string, s *slot, v signature.Value) error {
	if err := v.Decode(dst.Addr().Interface()); err != nil {
		why := err.Error()
		if s.hidden {
			why = Redacted
		}
		return m.sig.Mismatch(name, s.expected, why)
	}
	return nil
}
