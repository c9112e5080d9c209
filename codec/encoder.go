package codec

import (
	"cmp"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"reflect"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
)

// An encoder writes Go values to a Writer.
type encoder struct {
	w     Writer
	plans *plans
	typed bool // write in envelopes what JSON has no type for
	nulls bool // write null for nil slices and maps
	depth int
}

// any writes v. The most frequent types need no reflection.
func (e *encoder) any(v any) error {
	switch v := v.(type) {
	case nil:
		e.w.Null()
	case bool:
		e.w.Bool(v)
	case int:
		e.w.Int(int64(v))
	case float64:
		e.w.Float(v, 64)
	case string:
		return e.text(v)
	case json.Number:
		return e.number(cmp.Or(string(v), "0"))
	case []any:
		if v == nil && e.nulls {
			e.w.Null()
			return nil
		}
		return e.list(len(v), func(i int) error { return e.any(v[i]) })
	case map[string]any:
		if v == nil && e.nulls {
			e.w.Null()
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

// value writes v, whose type has the plan p.
func (e *encoder) value(v reflect.Value, p *plan) error {
	switch p.write {
	case formBool:
		e.w.Bool(v.Bool())
	case formInt:
		e.w.Int(v.Int())
	case formUint:
		e.w.Uint(v.Uint())
	case formFloat:
		e.w.Float(v.Float(), p.typ.Bits())
	case formString:
		return e.text(v.String())
	case formBytes:
		return e.bytes(v)
	case formList, formArray:
		if e.nulls && p.write == formList && v.IsNil() {
			e.w.Null()
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
			e.w.Null()
			return nil
		}
		return e.any(v.Interface())
	case formNone:
		return valueErrorf("%s is not data", p.typ)
	default:
		if p.write < formObject {
			return e.known(v, p.write)
		}
		return e.marshal(v, p)
	}
	return nil
}

// bytes writes a []byte. A nil one is null in every codec: nothing iterates over bytes, and Python
// distinguishes None from b"".
func (e *encoder) bytes(v reflect.Value) error {
	switch b := v.Bytes(); {
	case b == nil:
		e.w.Null()
	case !e.typed:
		e.w.Bytes(b)
	case utf8.Valid(b):
		return e.envelope("bytes", string(b))
	default:
		return e.enveloped("base64", func() error { e.w.Bytes(b); return nil })
	}
	return nil
}

// pointer writes null, or what v points to.
func (e *encoder) pointer(v reflect.Value, p *plan) error {
	if v.IsNil() {
		e.w.Null()
		return nil
	}
	if e.depth++; e.depth > maxDepth {
		return errTooDeep
	}
	err := e.value(v.Elem(), p.elem)
	e.depth--
	return err
}

// mapping writes a map, in the order of its keys.
func (e *encoder) mapping(v reflect.Value, p *plan) error {
	if e.nulls && v.IsNil() {
		e.w.Null()
		return nil
	}
	type member struct {
		name  string
		value reflect.Value
	}
	members := make([]member, 0, v.Len())
	names := make([]string, 0, v.Len())
	for key, value := range v.Seq2() {
		name, err := keyName(key)
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

// fields writes a struct.
func (e *encoder) fields(v reflect.Value, p *plan) error {
	if e.depth++; e.depth > maxDepth {
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
	e.w.Open(KindObject, n)
	at := 0
	for i := range p.fields {
		f := &p.fields[i]
		member := f.of(v)
		if !p.always && f.omitted(member) {
			continue
		}
		if err := e.w.Key(at, f.name); err != nil {
			return writeError(err)
		}
		at++
		write := e.value
		if f.quoted {
			write = e.quoted
		}
		if err := write(member, f.plan); err != nil {
			return inMember(err, f.name)
		}
	}
	e.w.Close(KindObject)
	e.depth--
	return nil
}

// quoted writes v, a field with the option string in its tag, as a string that contains JSON.
func (e *encoder) quoted(v reflect.Value, p *plan) error {
	if p.write == formPointer && v.IsNil() {
		e.w.Null()
		return nil
	}
	var w jsonWriter
	inner := encoder{w: &w, plans: e.plans}
	if err := inner.value(v, p); err != nil {
		return err
	}
	return e.text(string(w.data))
}

// known writes v, which is of one of the types in [known].
func (e *encoder) known(v reflect.Value, f form) error {
	switch f {
	case formNumber:
		return e.number(cmp.Or(v.String(), "0"))
	case formRaw:
		if v.IsNil() {
			e.w.Null()
			return nil
		}
		return e.raw(v.Bytes())
	case formBig:
		return e.number(addressed(v).Interface().(*big.Int).String())
	case formTime:
		return e.time(v.Interface().(time.Time))
	case formDate:
		return e.date(v.Interface().(Date))
	case formTimeOfDay:
		t := v.Interface().(TimeOfDay)
		if !t.valid() {
			return valueErrorf("%s is not a time of day", t)
		}
		return e.textOr("time", t.String())
	case formDecimal:
		d := Decimal(v.String())
		if !d.valid() {
			return valueErrorf("%q is not a decimal number", string(d))
		}
		return e.textOr("decimal", string(d))
	case formFrozen:
		return e.embed(v)
	}
	return valueErrorf("%s is not data", v.Type())
}

// time writes t with microseconds.
func (e *encoder) time(t time.Time) error {
	if y := t.Year(); y < 1 || y > 9999 {
		return valueErrorf("year %d is out of range: Python has the years 1 to 9999", y)
	}
	return e.textOr("datetime", isoformat(t, e.typed))
}

// date writes d. Kombu 5.2 writes the midnight of that day.
func (e *encoder) date(d Date) error {
	switch {
	case !d.valid():
		return valueErrorf("%s is not a date", d)
	case e.typed:
		return e.envelope("date", d.String())
	}
	return e.text(d.String() + "T00:00:00")
}

// marshal writes v, whose type marshals itself.
func (e *encoder) marshal(v reflect.Value, p *plan) error {
	if (v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface) && v.IsNil() {
		e.w.Null()
		return nil
	}
	if p.write == formJSONPtr || p.write == formTextPtr {
		if !v.CanAddr() { // encoding/json would not call the method
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
			return e.textOr(p.kind, string(text))
		}
		return e.text(string(text))
	}
	return valueErrorf("%s is not data", p.typ)
}

// addressed returns a pointer to v, or to a copy of v.
func addressed(v reflect.Value) reflect.Value {
	if v.CanAddr() {
		return v.Addr()
	}
	p := reflect.New(v.Type())
	p.Elem().Set(v)
	return p
}

// raw writes data, which is JSON.
func (e *encoder) raw(data []byte) error {
	in := jsonInput(data)
	in.depth = e.depth
	if w, ok := e.w.(*jsonWriter); ok && !w.finite {
		element, err := in.element()
		if err != nil {
			return err
		}
		w.data = append(w.data, element...)
	} else if err := transcode(in, e.w); err != nil {
		return err
	}
	return in.r.End()
}

// textOr writes text, or an envelope with it if e is typed.
func (e *encoder) textOr(kind, text string) error {
	if e.typed {
		return e.envelope(kind, text)
	}
	return e.text(text)
}

// envelope writes an envelope with this text.
func (e *encoder) envelope(kind, text string) error {
	return e.enveloped(kind, func() error {
		if kind != "uuid" {
			return e.text(text)
		}
		id, err := uuid.Parse(text)
		if err != nil {
			return valueErrorf("%q is not a UUID", text)
		}
		return e.object([]string{"hex"}, func(int) error { return e.text(compactUUID(id)) })
	})
}

// enveloped writes an envelope. The function writes its value.
func (e *encoder) enveloped(kind string, value func() error) error {
	return e.object([]string{typeKey, valueKey}, func(i int) error {
		if i == 0 {
			return e.text(kind)
		}
		return value()
	})
}

// list writes a list of n elements. The function writes element i.
func (e *encoder) list(n int, element func(i int) error) error {
	if e.depth++; e.depth > maxDepth {
		return errTooDeep
	}
	e.w.Open(KindList, n)
	for i := range n {
		e.w.Element(i)
		if err := element(i); err != nil {
			return inElement(err, i)
		}
	}
	e.w.Close(KindList)
	e.depth--
	return nil
}

// object writes an object with these names. The function writes the value of member i.
func (e *encoder) object(names []string, value func(i int) error) error {
	if e.depth++; e.depth > maxDepth {
		return errTooDeep
	}
	e.w.Open(KindObject, len(names))
	for i, name := range names {
		if err := e.w.Key(i, name); err != nil {
			return writeError(err)
		}
		if err := value(i); err != nil {
			return inMember(err, name)
		}
	}
	e.w.Close(KindObject)
	e.depth--
	return nil
}

func (e *encoder) text(s string) error { return writeError(e.w.Text(s)) }

// number writes text, which must be a number in the syntax of JSON.
func (e *encoder) number(text string) error {
	if !isNumber(text) {
		return valueErrorf("%q is not a number", text)
	}
	return writeError(e.w.Number(text))
}

var errTooDeep = errors.New("nested deeper than 10000: does it contain itself?")
