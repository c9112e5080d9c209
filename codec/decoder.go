package codec

import (
	"encoding"
	"encoding/json"
	"math/big"
	"reflect"
	"strconv"

	"github.com/gomeko/gomeko/internal/constraint"
)

// A decoder reads Go values from an input.
type decoder struct {
	input
	plans  *plans
	strict bool // members must be present: see DecodeStrict

	checks bool              // members must meet their constraints: see DecodeChecked
	faults constraint.Faults // those that do not
}

// value reads the next value into v, whose type has the plan p.
func (d *decoder) value(v reflect.Value, p *plan) error {
	kind, err := d.r.Kind()
	if err != nil {
		return err
	}
	switch p.read {
	case formPointer, formAny, formRaw, formJSONPtr:
		return d.anyKind(v, p, kind)
	}
	switch {
	case kind == KindNull && (p.read == formMap || p.read == formList || p.read == formBytes):
		v.SetZero()
		return d.r.Null()
	case kind == KindList && (p.read == formList || p.read == formArray):
		return d.items(v, p)
	case kind == KindObject && p.read == formMap:
		return d.mapping(v, p)
	case kind == KindObject && p.read == formStruct:
		return d.fields(v, p)
	case kind == KindObject:
		return d.enveloped(v, p)
	case kind == KindBool && p.read == formBool:
		b, err := d.r.Bool()
		v.SetBool(b)
		return err
	case kind == KindNumber:
		return d.number(v, p)
	case kind == KindBytes && p.read == formBytes:
		b, err := d.bytes()
		v.SetBytes(b)
		return err
	case kind == KindString:
		text, err := d.text()
		if err != nil {
			return err
		}
		return d.setText(v, p, text)
	}
	return d.doesNotFit(kind, p)
}

// anyKind reads the next value, which may be of any kind, into v.
func (d *decoder) anyKind(v reflect.Value, p *plan, kind Kind) error {
	switch {
	case p.read == formRaw:
		raw, err := d.raw()
		if err == nil {
			err = d.charge(len(raw))
		}
		if err != nil {
			return err
		}
		v.SetBytes(append([]byte{}, raw...))
		return nil
	case p.read == formJSONPtr:
		return d.unmarshal(v, p, kind)
	case kind == KindNull:
		v.SetZero()
		return d.r.Null()
	case p.read == formPointer:
		if v.IsNil() {
			if err := d.charge(int(p.typ.Elem().Size())); err != nil {
				return err
			}
			v.Set(reflect.New(p.typ.Elem()))
		}
		return d.value(v.Elem(), p.elem)
	case p.typ.NumMethod() > 0: // an interface with methods
		return d.doesNotFit(kind, p)
	}
	x, err := d.any()
	if err == nil {
		v.Set(reflect.ValueOf(x))
	}
	return err
}

// doesNotFit skips the next value, of this kind, and returns the error that it does not fit. If it
// is not valid, that is the error.
func (d *decoder) doesNotFit(kind Kind, p *plan) error {
	if err := d.skip(); err != nil {
		return err
	}
	return doesNotFit(kind, p.typ)
}

// number reads a number into v.
func (d *decoder) number(v reflect.Value, p *plan) error {
	n, err := d.r.Number()
	if err == nil {
		err = d.charge(len(n.text)) // some forms keep the digits
	}
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
		return doesNotFit(KindNumber, p.typ)
	}
	if !fits {
		return valueErrorf("number %.40s does not fit %s", n.String(), p.typ)
	}
	return nil
}

// setText stores text, a string or the text of an envelope, in v.
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
			return valueErrorf("%.40q is not a decimal number", text)
		}
		v.SetString(text)
	case formNumber:
		return d.quoted(text, v, p)
	case formDate, formTimeOfDay, formTextPtr:
		if p.number && len(text) > maxDigits {
			return tooManyDigits(p)
		}
		err = v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text))
		if _, ours := err.(*ValueError); err != nil && !ours { //nolint:errorlint // it is never wrapped
			err = valueErrorf("%.40q does not fit %s: %v", text, p.typ, err)
		}
	default:
		return doesNotFit(KindString, p.typ)
	}
	return err
}

func tooManyDigits(p *plan) error {
	return valueErrorf("number does not fit %s: it has more than %d digits", p.typ, maxDigits)
}

// items reads a list into v, a slice or an array. A slice gets new elements: the earlier ones may
// be shared.
func (d *decoder) items(v reflect.Value, p *plan) error {
	n, size := 0, 2*int(p.typ.Elem().Size()) // the list grows
	if p.read == formList {
		v.SetZero()
	}
	err := d.list(func(i int) error {
		n = i + 1
		switch {
		case p.read == formList:
			if err := d.charge(size); err != nil {
				return err
			}
			if n > v.Cap() {
				v.Grow(1)
			}
			v.SetLen(n)
		case n > v.Len():
			return valueErrorf("a list of more than %d does not fit %s", v.Len(), p.typ)
		}
		item := v.Index(i)
		item.SetZero()
		known := d.faults.Len()
		err := d.value(item, p.elem)
		if d.faults.Len() > known {
			d.faults.Below(known, strconv.Itoa(i))
		}
		return inElement(err, i)
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

// mapping reads an object into v, which gets a new map: the earlier one may be shared.
func (d *decoder) mapping(v reflect.Value, p *plan) error {
	size := 2 * int(p.typ.Key().Size()+p.typ.Elem().Size())
	if err := d.charge(groupOf + 4*size); err != nil {
		return err
	}
	v.Set(reflect.MakeMap(p.typ))
	item := reflect.New(p.typ.Elem()).Elem()
	began := d.faults.Len()
	return d.members(func(name []byte) error {
		if err := d.charge(size + memberOf + 2*len(name)); err != nil {
			return err
		}
		key := reflect.New(p.typ.Key()).Elem()
		if err := setKey(key, string(name)); err != nil {
			return err
		}
		text := string(name)
		item.SetZero()
		if d.faults.Len() > began { // the last of equal names replaces the first
			d.faults.Replace(began, text)
		}
		known := d.faults.Len()
		if err := d.value(item, p.elem); err != nil {
			return inMember(err, text)
		}
		if d.faults.Len() > known {
			d.faults.Below(known, text)
		}
		v.SetMapIndex(key, item)
		return nil
	})
}

// unmarshal passes the next value to v's UnmarshalJSON. For an envelope, it passes what kombu 5.2
// would have written.
func (d *decoder) unmarshal(v reflect.Value, p *plan, kind Kind) error {
	data, err := []byte(nil), error(nil)
	if kind == KindObject {
		data, err = d.untyped()
	}
	if err == nil && data == nil {
		data, err = d.raw()
	}
	if err == nil {
		err = d.charge(len(data)) // it probably keeps most of them
	}
	if err != nil {
		return err
	}
	if p.number && len(data) > maxDigits {
		return tooManyDigits(p)
	}
	if err := v.Addr().Interface().(json.Unmarshaler).UnmarshalJSON(data); err != nil {
		return valueErrorf("%s does not fit %s: %v", kind, p.typ, err)
	}
	return nil
}

// raw returns the next value as JSON.
func (d *decoder) raw() ([]byte, error) {
	if _, ok := d.r.(*jsonReader); ok {
		return d.element()
	}
	var w jsonWriter
	err := transcode(&d.input, &w)
	return w.data, err
}

// enveloped reads an envelope into v, which is neither a map nor a struct. Another object does not
// fit.
func (d *decoder) enveloped(v reflect.Value, p *plan) error {
	e, ok, err := d.envelope()
	switch {
	case err != nil:
		return err
	case !ok:
		return d.doesNotFit(KindObject, p)
	case p.read == formBytes:
		b, err := e.bytes()
		v.SetBytes(b)
		return err
	}
	return d.setText(v, p, e.text)
}

// untyped reads an envelope and returns the JSON that kombu 5.2 would have written. If the next
// value is not an envelope, it returns nil and does not read it.
func (d *decoder) untyped() ([]byte, error) {
	e, ok, err := d.envelope()
	if err != nil || !ok {
		return nil, err
	}
	var w jsonWriter
	err = w.Text(e.text)
	return w.data, err
}

// envelope reads the next object if it is an envelope. Otherwise it returns false and does not read
// it.
func (d *decoder) envelope() (e envelope, ok bool, err error) {
	start := d.r.At()
	first, err := d.first()
	if d.r.Back(start); err != nil || first != typeKey && first != valueKey {
		return e, false, err
	}
	members, err := d.object()
	if err != nil {
		return e, false, err
	}
	e, ok = newEnvelope(members)
	if !ok {
		d.r.Back(start)
	}
	return e, ok, nil
}

// first returns the name of the first member of the next object, or "" if it has none.
func (d *decoder) first() (string, error) {
	depth := d.depth
	defer func() { d.depth = depth }()
	n, err := d.open(KindObject)
	if err != nil {
		return "", err
	}
	more, err := d.next(KindObject, 0, n)
	if err != nil || !more {
		return "", err
	}
	name, err := d.r.Key()
	return string(name), err
}
