package service

import (
	"context"
	"errors"
	"reflect"
	"strconv"

	"github.com/gomeko/gomeko/internal/constraint"
	"github.com/gomeko/gomeko/internal/inject"
	"github.com/gomeko/gomeko/internal/sequence"
	"github.com/gomeko/gomeko/signature"
)

// A method is a Go method bound to its signature. It holds what every call needs, looked up once.
type method struct {
	name    string
	sig     *signature.Signature
	proto   reflect.Value  // the service; each call gets a copy
	fn      reflect.Value  // the method expression, whose first parameter is the receiver
	plan    *inject.Plan   // what is injected for each call
	leading []reflect.Type // of the parameters between ctx and the arguments
	frame   reflect.Type   // a struct with the service, ctx, and args or else each parameter
	args    reflect.Type   // the struct whose fields are the parameters; nil if each is a Go parameter
	ptr     bool           // the method takes a pointer to the struct
	slots   []slot         // one for each of sig.Params
	item    reflect.Type   // of the iterator that the method returns; nil if it returns none
	bare    bool           // the method takes the leading parameters only, and returns nothing
	lenient bool           // members of objects in arguments may be missing
}

// A slot says where the argument of a parameter goes.
type slot struct {
	typ      reflect.Type
	item     reflect.Type            // of a parameter that is an iterator; nil if it is none
	index    []int                   // of the field, if parameters are fields
	expected string                  // the Python type of arguments, for errors
	fallback func(dst reflect.Value) // sets the default; nil if that is the zero value
	hidden   bool                    // sensitive: errors do not show the argument
	nested   bool                    // hidden, but only because of members
	doc      string                  // of the field
	tag      reflect.StructTag       // of the field
	rule     *constraint.Rule        // its constraints; nil if it has none
	checked  bool                    // values of its type have fields with constraints
}

// prepare returns a copy of the service, and the parameters of its method appended to in: the copy,
// ctx, the leading values and the decoded arguments. All but the leading values are in one frame,
// which takes one allocation.
func (m *method) prepare(ctx context.Context, leading []any, args *signature.Matched, in []reflect.Value) (self reflect.Value, _ []reflect.Value, err error) {
	frame := reflect.New(m.frame).Elem()
	self = frame.Field(0)
	self.Set(m.proto)
	in = append(in, self.Addr())
	if !m.bare {
		at := frame.Field(1)
		*at.Addr().Interface().(*context.Context) = ctx
		in = append(in, at) // as the interface, so that Call does not have to convert ctx each time
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

// decode decodes the arguments into the frame, and appends them to in.
func (m *method) decode(in []reflect.Value, frame reflect.Value, args *signature.Matched) ([]reflect.Value, error) {
	var fields reflect.Value
	if m.args != nil {
		fields = frame.Field(2)
	}
	var broken constraint.Faults
	for i := range m.slots {
		s := &m.slots[i]
		var dst reflect.Value
		if m.args != nil {
			dst = fields.FieldByIndex(s.index)
		} else {
			dst = frame.Field(2 + i)
			in = append(in, dst)
		}
		if s.item != nil {
			ctx, _ := frame.Field(1).Interface().(context.Context)
			if err := m.iterate(ctx, dst, i, args, &broken); err != nil {
				return nil, err
			}
			continue
		}
		if err := m.fill(dst, i, args, &broken); err != nil {
			return nil, err
		}
	}
	if broken.Len() > 0 {
		return nil, invalidArguments{broken.Err()}
	}
	switch {
	case m.ptr:
		in = append(in, fields.Addr())
	case m.args != nil:
		in = append(in, fields)
	}
	return in, nil
}

// fill sets dst to the argument of parameter i.
func (m *method) fill(dst reflect.Value, i int, args *signature.Matched, broken *constraint.Faults) error {
	s, p := &m.slots[i], &m.sig.Params[i]
	switch {
	case p.Kind == signature.Rest:
		dst.Set(reflect.MakeSlice(s.typ, len(args.Rest), len(args.Rest)))
		for j, v := range args.Rest {
			known := broken.Len()
			if err := m.store(dst.Index(j), p.Name, s, v, broken); err != nil {
				return err
			}
			if broken.Len() > known {
				broken.Below(known, strconv.Itoa(j))
				broken.Below(known, p.Name)
			}
		}
	case p.Kind == signature.Options:
		dst.Set(reflect.MakeMapWithSize(s.typ, len(args.Options)))
		for _, kw := range args.Options {
			v, known := reflect.New(s.typ.Elem()).Elem(), broken.Len()
			if err := m.store(v, kw.Name, s, kw.Value, broken); err != nil {
				return err
			}
			broken.Below(known, kw.Name)
			dst.SetMapIndex(reflect.ValueOf(kw.Name).Convert(s.typ.Key()), v)
		}
	case args.Given[i] != nil:
		known := broken.Len()
		if err := m.store(dst, p.Name, s, args.Given[i], broken); err != nil {
			return err
		}
		broken.Below(known, p.Name)
	case s.fallback != nil:
		s.fallback(dst)
	}
	return nil
}

// iterate sets dst to an iterator over the argument of parameter i: a stream, or a list.
func (m *method) iterate(ctx context.Context, dst reflect.Value, i int, args *signature.Matched, broken *constraint.Faults) error {
	s, v := &m.slots[i], args.Given[i]
	if stream, ok := v.(signature.StreamValue); ok {
		if seq, ok := stream.Stream(ctx, s.typ); ok {
			dst.Set(seq)
			return nil
		}
	}
	list := reflect.New(reflect.SliceOf(s.item)).Elem()
	if v != nil {
		name, known := m.sig.Params[i].Name, broken.Len()
		if err := m.store(list, name, s, v, broken); err != nil {
			return err
		}
		broken.Below(known, name)
	}
	dst.Set(sequence.Make(s.typ, func(yield func(reflect.Value, error) bool) {
		for j := range list.Len() {
			if !yield(list.Index(j), nil) {
				return
			}
		}
	}))
	return nil
}

// store decodes an argument into dst. It adds the faults of values that violate their constraints
// to broken.
func (m *method) store(dst reflect.Value, name string, s *slot, v signature.Value, broken *constraint.Faults) error {
	known := broken.Len()
	err := m.decodeValue(dst, s, v)
	if s.checked && err != nil {
		var invalid *signature.ValidationError
		if errors.As(err, &invalid) {
			broken.Add(invalid)
			err = nil
		}
	}
	if err != nil {
		return m.misfit(name, s, err)
	}
	if s.rule != nil {
		s.rule.Check(dst, broken)
	}
	if s.hidden && !s.nested && broken.Len() > known {
		broken.Hide(known)
	}
	return nil
}

// decodeValue decodes an argument into dst.
func (m *method) decodeValue(dst reflect.Value, s *slot, v signature.Value) error {
	to := dst.Addr().Interface()
	if s.checked {
		if v, ok := v.(signature.CheckedValue); ok {
			return v.DecodeChecked(to, m.lenient)
		}
	}
	if v, ok := v.(signature.StrictValue); ok && !m.lenient {
		return v.DecodeStrict(to)
	}
	return v.Decode(to)
}

// misfit returns the error of an argument that cannot be decoded because of err.
func (m *method) misfit(name string, s *slot, err error) error {
	why := err.Error()
	var part interface{ In(name string) string }
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded): // the call has ended
		return err
	case s.hidden:
		why = Redacted
	case errors.As(err, &part):
		why = part.In(name)
	}
	return m.sig.Mismatch(name, s.expected, why)
}

// An invalidArguments is the [ValidationError] of arguments that violate their constraints.
type invalidArguments struct{ error }

func (e invalidArguments) Unwrap() error { return e.error }
