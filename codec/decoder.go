package codec

import (
	"encoding"
	"encoding/json"
	"fmt"
	"math/big"
	"reflect"
	"strconv"
)

// A decoder reads Go values from a reader.
type decoder struct {
	r     reader
	plans *plans
}

// any returns the value that comes next: nil, bool, json.Number or an infinite float64, string, []byte, []any,
// map[string]any, or what is in an envelope.
func (d *decoder) any() (any, error) {
	kind, err := d.r.kind()
	if err != nil {
		return nil, err
	}
	switch kind {
	case KindNull:
		return nil, d.r.null()
	case KindBool:
		return d.r.bool()
	case KindNumber:
		n, err := d.r.number()
		if err != nil {
			return nil, err
		}
		if f, odd := n.infinite(); odd {
			return f, nil
		}
		return json.Number(n.String()), nil
	case KindString:
		text, err := d.r.text()
		return string(text), err
	case KindBytes:
		b, err := d.r.bytes()
		return append([]byte{}, b...), err
	case KindList:
		list := []any{}
		err := d.list(func(int) error {
			v, err := d.any()
			list = append(list, v)
			return err
		})
		return list, err
	default:
		members, err := d.object()
		if err != nil {
			return nil, err
		}
		if e, ok := newEnvelope(members); ok {
			if v, ok := e.value(); ok {
				return v, nil
			}
		}
		return members, nil
	}
}

// object reads the members of the object that comes next.
func (d *decoder) object() (map[string]any, error) {
	members := map[string]any{}
	err := d.members(func(name []byte) error {
		key := string(name)
		v, err := d.any()
		members[key] = v
		return err
	})
	return members, err
}

func (d *decoder) list(item func(i int) error) error {
	n, err := d.r.open()
	for i := 0; err == nil; i++ {
		var more bool
		if more, err = d.r.next(i, n, KindList); err != nil || !more {
			break
		}
		err = item(i)
	}
	return err
}

func (d *decoder) members(member func(name []byte) error) error {
	n, err := d.r.open()
	for i := 0; err == nil; i++ {
		var more bool
		if more, err = d.r.next(i, n, KindObject); err != nil || !more {
			break
		}
		var name []byte
		if name, err = d.r.key(); err == nil {
			err = member(name)
		}
	}
	return err
}

// value reads the value that comes next into v, whose type's plan is p.
func (d *decoder) value(v reflect.Value, p *plan) error {
	kind, err := d.r.kind()
	if err != nil {
		return err
	}
	switch p.read {
	case formPointer, formAny, formRaw, formJSONPtr:
		return d.whatever(v, p, kind)
	}
	switch {
	case kind == KindNull && (p.read == formMap || p.read == formList || p.read == formBytes):
		v.SetZero()
		return d.r.null()
	case kind == KindList && (p.read == formList || p.read == formArray):
		return d.items(v, p)
	case kind == KindObject && p.read == formMap:
		return d.mapping(v, p)
	case kind == KindObject && p.read == formStruct:
		return d.fields(v, p)
	case kind == KindObject:
		return d.enveloped(v, p)
	case kind == KindBool && p.read == formBool:
		b, err := d.r.bool()
		v.SetBool(b)
		return err
	case kind == KindNumber:
		return d.number(v, p)
	case kind == KindBytes && p.read == formBytes:
		b, err := d.r.bytes()
		v.SetBytes(append([]byte{}, b...))
		return err
	case kind == KindString:
		text, err := d.r.text()
		if err != nil {
			return err
		}
		return d.setText(v, p, string(text))
	}
	return d.unfit(kind, p)
}

// whatever reads a value of any kind into v.
func (d *decoder) whatever(v reflect.Value, p *plan, kind Kind) error {
	switch {
	case p.read == formRaw:
		raw, err := d.raw()
		v.SetBytes(append([]byte{}, raw...))
		return err
	case p.read == formJSONPtr:
		return d.unmarshal(v, p, kind)
	case kind == KindNull:
		v.SetZero()
		return d.r.null()
	case p.read == formPointer:
		if v.IsNil() {
			v.Set(reflect.New(p.typ.Elem()))
		}
		return d.value(v.Elem(), p.elem)
	case p.typ.NumMethod() > 0: // an interface of more than any
		return d.unfit(kind, p)
	}
	x, err := d.any()
	if err == nil {
		v.Set(reflect.ValueOf(x))
	}
	return err
}

// unfit returns the error of a value of kind that does not fit, and reads it: if it is malformed that is the error.
func (d *decoder) unfit(kind Kind, p *plan) error {
	if err := d.r.skip(); err != nil {
		return err
	}
	return unfit(kind, p.typ)
}

// number reads one into v.
func (d *decoder) number(v reflect.Value, p *plan) error {
	n, err := d.r.number()
	if err != nil {
		return err
	}
	fits := false
	switch p.read {
	case formInt:
		var i int64
		if i, fits = n.int(); fits {
			fits = !v.OverflowInt(i)
			v.SetInt(i)
		}
	case formUint:
		var u uint64
		if u, fits = n.uint(); fits {
			fits = !v.OverflowUint(u)
			v.SetUint(u)
		}
	case formFloat:
		var f float64
		f, fits = n.float(p.typ.Bits())
		v.SetFloat(f)
	case formNumber:
		v.SetString(n.String())
		fits = true
	case formDecimal:
		text := n.String()
		fits = Decimal(text).valid()
		v.SetString(text)
	case formBig:
		fits = n.big(v.Addr().Interface().(*big.Int))
	default:
		return unfit(KindNumber, p.typ)
	}
	if !fits {
		return misfitf("number %.40s does not fit %s", n.String(), p.typ)
	}
	return nil
}

// setText puts a string, or what an envelope has, into v.
func (d *decoder) setText(v reflect.Value, p *plan, text string) (err error) {
	switch p.read {
	case formString:
		v.SetString(text)
	case formBytes:
		var b []byte
		b, err = unbase64(text)
		v.SetBytes(b)
	case formTime:
		t, bad := parseTime(text)
		v.Set(reflect.ValueOf(t))
		err = bad
	case formDecimal:
		if !Decimal(text).valid() {
			return misfitf("%.40q is no decimal number", text)
		}
		v.SetString(text)
	case formNumber:
		r := &jsonReader{data: []byte(text)}
		return (&decoder{r: r, plans: d.plans}).quoted(v, p)
	case formDate, formTimeOfDay, formTextPtr:
		err = v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text))
		if _, ours := err.(*misfit); err != nil && !ours { //nolint:errorlint // it is never wrapped
			err = misfitf("%.40q does not fit %s: %v", text, p.typ, err)
		}
	default:
		return unfit(KindString, p.typ)
	}
	return err
}

// quoted reads into v what was JSON in a string.
func (d *decoder) quoted(v reflect.Value, p *plan) error {
	kind, err := d.r.kind()
	if err == nil {
		if kind != KindNumber && p.read == formNumber {
			return unfit(KindString, p.typ)
		}
		err = d.value(v, p)
	}
	if err == nil {
		err = d.r.end()
	}
	if err != nil {
		return misfitf("in a string: %v", err)
	}
	return nil
}

// raw returns the value that comes next as JSON.
func (d *decoder) raw() ([]byte, error) {
	if r, ok := d.r.(*jsonReader); ok {
		start := r.at()
		err := r.skip()
		return r.since(start), err
	}
	var w jsonWriter
	err := transcode(d.r, &w)
	return w.data, err
}

// unmarshal reads the value that comes next by v's own UnmarshalJSON. Of an envelope it gets what kombu 5.2 would have
// written.
func (d *decoder) unmarshal(v reflect.Value, p *plan, kind Kind) error {
	data, err := []byte(nil), error(nil)
	if kind == KindObject {
		data, err = d.plain()
	}
	if err == nil && data == nil {
		data, err = d.raw()
	}
	if err != nil {
		return err
	}
	if err := v.Addr().Interface().(json.Unmarshaler).UnmarshalJSON(data); err != nil {
		return misfitf("%s does not fit %s: %v", kind, p.typ, err)
	}
	return nil
}

func (d *decoder) items(v reflect.Value, p *plan) error {
	n := 0
	if p.read == formList {
		v.SetZero() // what was there may be shared
	}
	err := d.list(func(i int) error {
		n = i + 1
		switch {
		case p.read == formList:
			if n > v.Cap() {
				v.Grow(1)
			}
			v.SetLen(n)
		case n > v.Len():
			return misfitf("a list of more than %d does not fit %s", v.Len(), p.typ)
		}
		item := v.Index(i)
		item.SetZero()
		return withinItem(d.value(item, p.elem), i)
	})
	switch {
	case err != nil:
		return err
	case p.read == formArray:
		for ; n < v.Len(); n++ {
			v.Index(n).SetZero()
		}
	case n == 0:
		v.Set(reflect.MakeSlice(p.typ, 0, 0))
	}
	return nil
}

func (d *decoder) mapping(v reflect.Value, p *plan) error {
	v.Set(reflect.MakeMap(p.typ)) // what was there may be shared
	item := reflect.New(p.typ.Elem()).Elem()
	return d.members(func(name []byte) error {
		key := reflect.New(p.typ.Key()).Elem()
		if err := setKey(key, string(name)); err != nil {
			return err
		}
		text := string(name)
		item.SetZero()
		if err := d.value(item, p.elem); err != nil {
			return within(err, text)
		}
		v.SetMapIndex(key, item)
		return nil
	})
}

// setKey puts the name of a member into the key of a map.
func setKey(key reflect.Value, name string) (err error) {
	if key.Kind() == reflect.String {
		key.SetString(name)
		return nil
	}
	if text, ok := key.Addr().Interface().(encoding.TextUnmarshaler); ok {
		if err := text.UnmarshalText([]byte(name)); err != nil {
			return misfitf("key %.40q does not fit %s: %v", name, key.Type(), err)
		}
		return nil
	}
	switch bits := 0; basic(key.Type()) {
	case formInt:
		var i int64
		bits = key.Type().Bits()
		i, err = strconv.ParseInt(name, 10, bits)
		key.SetInt(i)
	case formUint:
		var u uint64
		bits = key.Type().Bits()
		u, err = strconv.ParseUint(name, 10, bits)
		key.SetUint(u)
	case formFloat:
		var f float64
		f, err = strconv.ParseFloat(name, key.Type().Bits())
		key.SetFloat(f)
	case formBool:
		var b bool
		b, err = strconv.ParseBool(name)
		key.SetBool(b)
	case formAny:
		if key.NumMethod() == 0 {
			key.Set(reflect.ValueOf(name))
			return nil
		}
		fallthrough
	default:
		err = fmt.Errorf("none does")
	}
	if err != nil {
		return misfitf("key %.40q does not fit %s", name, key.Type())
	}
	return nil
}

func (d *decoder) fields(v reflect.Value, p *plan) error {
	var seen uint64
	return d.members(func(name []byte) error {
		at := p.member(name)
		if at < 0 {
			return d.r.skip()
		}
		f := &p.fields[at]
		member, err := f.reach(v)
		if err != nil {
			return within(err, f.name)
		}
		if bit := uint64(1) << (at & 63); at < 64 {
			if seen&bit != 0 { // nothing of what came first stays
				member.SetZero()
			}
			seen |= bit
		}
		if f.quoted {
			err = d.unquote(member, f.plan)
		} else {
			err = d.value(member, f.plan)
		}
		if err != nil {
			return within(err, f.name)
		}
		return nil
	})
}

// reach is of, and makes what is behind a nil.
func (f *field) reach(v reflect.Value) (reflect.Value, error) {
	if len(f.index) == 1 {
		return v.Field(f.index[0]), nil
	}
	for i, at := range f.index {
		if i > 0 && v.Kind() == reflect.Pointer {
			if v.IsNil() {
				if !v.CanSet() {
					return v, misfitf("embedded %s is nil and not exported", v.Type())
				}
				v.Set(reflect.New(v.Type().Elem()))
			}
			v = v.Elem()
		}
		v = v.Field(at)
	}
	return v, nil
}

// unquote reads a string into v that has JSON in it.
func (d *decoder) unquote(v reflect.Value, p *plan) error {
	switch kind, err := d.r.kind(); {
	case err != nil:
		return err
	case kind == KindNull:
		return d.value(v, p)
	case kind != KindString:
		return d.unfit(kind, p)
	}
	text, err := d.r.text()
	if err != nil {
		return err
	}
	inner := decoder{r: &jsonReader{data: []byte(string(text))}, plans: d.plans}
	return inner.quoted(v, p)
}
