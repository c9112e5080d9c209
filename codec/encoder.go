package codec

import (
	"cmp"
	"encoding"
	"encoding/json"
	"fmt"
	"math/big"
	"reflect"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// An encoder writes Go values to a writer.
type encoder struct {
	w     writer
	plans *plans
	typed bool // in envelopes, what JSON has no type for
	depth int
}

// any writes v. The types that are most frequent need no reflection.
func (e *encoder) any(v any) error {
	switch v := v.(type) {
	case nil:
		e.w.null()
	case bool:
		e.w.bool(v)
	case int:
		e.w.int(int64(v))
	case float64:
		e.w.float(v, 64)
	case string:
		return e.w.text(v)
	case json.Number:
		return e.w.number(cmp.Or(string(v), "0"))
	case []any:
		if v == nil {
			e.w.null()
			return nil
		}
		return e.list(len(v), func(i int) error { return e.any(v[i]) })
	case map[string]any:
		if v == nil {
			e.w.null()
			return nil
		}
		names := make([]string, 0, len(v))
		for name := range v {
			names = append(names, name)
		}
		slices.Sort(names)
		return e.object(names, func(i int) error { return e.any(v[names[i]]) })
	default:
		r := reflect.ValueOf(v)
		return e.value(r, e.plans.of(r.Type()))
	}
	return nil
}

func (e *encoder) list(n int, item func(i int) error) error {
	if e.depth++; e.depth > deepest {
		return errTooDeep
	}
	e.w.list(n)
	for i := range n {
		e.w.item(i)
		if err := item(i); err != nil {
			return withinItem(err, i)
		}
	}
	e.w.close(KindList)
	e.depth--
	return nil
}

func (e *encoder) object(names []string, member func(i int) error) error {
	if e.depth++; e.depth > deepest {
		return errTooDeep
	}
	e.w.object(len(names))
	for i, name := range names {
		if err := e.w.key(i, name); err != nil {
			return err
		}
		if err := member(i); err != nil {
			return within(err, name)
		}
	}
	e.w.close(KindObject)
	e.depth--
	return nil
}

// value writes v, whose type's plan is p.
func (e *encoder) value(v reflect.Value, p *plan) error {
	switch p.write {
	case formBool:
		e.w.bool(v.Bool())
	case formInt:
		e.w.int(v.Int())
	case formUint:
		e.w.uint(v.Uint())
	case formFloat:
		e.w.float(v.Float(), p.typ.Bits())
	case formString:
		return e.w.text(v.String())
	case formBytes:
		return e.bytes(v)
	case formList, formArray:
		if p.write == formList && v.IsNil() {
			e.w.null()
			return nil
		}
		return e.list(v.Len(), func(i int) error { return e.value(v.Index(i), p.elem) })
	case formMap:
		return e.mapping(v, p)
	case formStruct:
		return e.fields(v, p)
	case formPointer:
		return e.pointer(v, p)
	case formAny:
		if v.IsNil() {
			e.w.null()
			return nil
		}
		return e.any(v.Interface())
	case formNone:
		return misfitf("%s is no data", p.typ)
	default:
		if p.write < formObject {
			return e.known(v, p.write)
		}
		return e.marshal(v, p)
	}
	return nil
}

func (e *encoder) bytes(v reflect.Value) error {
	switch b := v.Bytes(); {
	case b == nil:
		e.w.null()
	case !e.typed:
		e.w.bytes(b)
	case utf8.Valid(b):
		return e.envelope("bytes", string(b))
	default:
		return e.enveloped("base64", func() error { e.w.bytes(b); return nil })
	}
	return nil
}

func (e *encoder) pointer(v reflect.Value, p *plan) error {
	if v.IsNil() {
		e.w.null()
		return nil
	}
	if e.depth++; e.depth > deepest {
		return errTooDeep
	}
	err := e.value(v.Elem(), p.elem)
	e.depth--
	return err
}

func (e *encoder) mapping(v reflect.Value, p *plan) error {
	if v.IsNil() {
		e.w.null()
		return nil
	}
	type member struct {
		name  string
		value reflect.Value
	}
	members := make([]member, 0, v.Len())
	names := make([]string, 0, v.Len())
	for key, value := range v.Seq2() {
		name, err := e.name(key)
		if err != nil {
			return err
		}
		members = append(members, member{name, value})
	}
	slices.SortFunc(members, func(a, b member) int { return cmp.Compare(a.name, b.name) })
	for _, m := range members {
		names = append(names, m.name)
	}
	return e.object(names, func(i int) error { return e.value(members[i].value, p.elem) })
}

// name returns the key of a map as Python's json writes it: None is null, True is true.
func (e *encoder) name(key reflect.Value) (string, error) {
	if key.Kind() == reflect.String {
		return key.String(), nil
	}
	if text, ok := key.Interface().(encoding.TextMarshaler); ok && (key.Kind() != reflect.Pointer || !key.IsNil()) {
		name, err := text.MarshalText()
		return string(name), err
	}
	switch basic(key.Type()) {
	case formBool:
		return strconv.FormatBool(key.Bool()), nil
	case formInt:
		return strconv.FormatInt(key.Int(), 10), nil
	case formUint:
		return strconv.FormatUint(key.Uint(), 10), nil
	case formFloat:
		var w jsonWriter
		w.float(key.Float(), key.Type().Bits())
		return string(w.data), nil
	case formAny:
		if key.IsNil() {
			return "null", nil
		}
		return e.name(key.Elem())
	}
	return "", misfitf("%s cannot be a key: it is no string, number or bool", key.Type())
}

func (e *encoder) fields(v reflect.Value, p *plan) error {
	if e.depth++; e.depth > deepest {
		return errTooDeep
	}
	n := len(p.fields)
	if !p.always {
		n = 0
		for i := range p.fields {
			if f := &p.fields[i]; !f.omitted(f.of(v)) {
				n++
			}
		}
	}
	e.w.object(n)
	at := 0
	for i := range p.fields {
		f := &p.fields[i]
		member := f.of(v)
		if !p.always && f.omitted(member) {
			continue
		}
		if err := e.w.key(at, f.name); err != nil {
			return err
		}
		at++
		write := e.value
		if f.quoted {
			write = e.quoted
		}
		if err := write(member, f.plan); err != nil {
			return within(err, f.name)
		}
	}
	e.w.close(KindObject)
	e.depth--
	return nil
}

// quoted writes v, a number, a bool or a string, as JSON in a string.
func (e *encoder) quoted(v reflect.Value, p *plan) error {
	if p.write == formPointer && v.IsNil() {
		e.w.null()
		return nil
	}
	var w jsonWriter
	inner := encoder{w: &w, plans: e.plans}
	if err := inner.value(v, p); err != nil {
		return err
	}
	return e.w.text(string(w.data))
}

// known writes v of one of the types that are [known].
func (e *encoder) known(v reflect.Value, f form) error {
	switch f {
	case formNumber:
		return e.w.number(cmp.Or(v.String(), "0"))
	case formRaw:
		if v.IsNil() {
			e.w.null()
			return nil
		}
		return e.raw(v.Bytes())
	case formBig:
		return e.w.number(addressed(v).Interface().(*big.Int).String())
	case formTime:
		return e.time(v.Interface().(time.Time))
	case formDate:
		return e.date(v.Interface().(Date))
	case formTimeOfDay:
		t := v.Interface().(TimeOfDay)
		if !t.valid() {
			return misfitf("%s is no time of day", t)
		}
		return e.plainOr("time", t.String())
	case formDecimal:
		d := Decimal(v.String())
		if !d.valid() {
			return misfitf("%q is no decimal", string(d))
		}
		return e.plainOr("decimal", string(d))
	}
	return misfitf("%s is no data", v.Type())
}

// marshal writes v of a type that marshals itself.
func (e *encoder) marshal(v reflect.Value, p *plan) error {
	if (v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface) && v.IsNil() {
		e.w.null()
		return nil
	}
	if p.write == formJSONPtr || p.write == formTextPtr {
		if !v.CanAddr() { // encoding/json would not call the method, and write what the type is made of
			v = addressed(v).Elem()
		}
		v = v.Addr()
	}
	switch m := v.Interface().(type) {
	case Object:
		names, values, err := m.Members()
		if err != nil {
			return err
		}
		return e.object(names, func(i int) error { return e.any(values[i]) })
	case json.Marshaler:
		data, err := m.MarshalJSON()
		if err != nil {
			return fmt.Errorf("%s: %w", p.typ, err)
		}
		if e.typed && p.kind == "decimal" && len(data) > 1 && data[0] == '"' {
			return e.envelope(p.kind, string(data[1:len(data)-1]))
		}
		return e.raw(data)
	case encoding.TextMarshaler:
		text, err := m.MarshalText()
		if err != nil {
			return fmt.Errorf("%s: %w", p.typ, err)
		}
		if p.kind != "" {
			return e.plainOr(p.kind, string(text))
		}
		return e.w.text(string(text))
	}
	return misfitf("%s is no data", p.typ)
}

// addressed returns a pointer to v, or to a copy of it.
func addressed(v reflect.Value) reflect.Value {
	if v.CanAddr() {
		return v.Addr()
	}
	p := reflect.New(v.Type())
	p.Elem().Set(v)
	return p
}

// raw writes what is JSON already.
func (e *encoder) raw(data []byte) error {
	r := &jsonReader{data: data, depth: e.depth}
	if w, ok := e.w.(*jsonWriter); ok {
		r.space()
		start := r.i
		if err := skip(r); err != nil {
			return err
		}
		w.data = append(w.data, r.since(start)...)
	} else if err := transcode(r, e.w); err != nil {
		return err
	}
	return r.end()
}

// plainOr writes text, in an envelope if there are any.
func (e *encoder) plainOr(kind, text string) error {
	if e.typed {
		return e.envelope(kind, text)
	}
	return e.w.text(text)
}
