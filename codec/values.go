package codec

import (
	"bytes"
	"fmt"
	"math"
	"reflect"
	"sync"

	"github.com/gomeko/gomeko/internal/constraint"
)

// New returns the codec of f. It supports the values that the package comment lists.
func New(f Format) Splitter { return &values{format: f} }

// NilAsNull returns a codec that is like c, except that it encodes nil slices and maps as null, as
// encoding/json does, instead of [] and {}. If c was not made by [New], NilAsNull returns c.
func NilAsNull(c Codec) Codec {
	if v, ok := c.(*values); ok {
		return &values{format: v.format, typed: v.typed, nulls: true}
	}
	return c
}

// values is the codec of a format: it encodes and decodes the values that the package comment
// lists.
type values struct {
	format   Format
	typed    bool // encode in envelopes what JSON has no type for
	nulls    bool // encode nil slices and maps as null
	plans    plans
	encoders sync.Pool // of *encoder
	decoders sync.Pool // of *decoder

	embedding embedding
}

func (c *values) ContentType() string     { return c.format.ContentType }
func (c *values) ContentEncoding() string { return c.format.ContentEncoding }

// keptBuffer is the capacity, in bytes, of the largest buffer that is kept for the next value.
const keptBuffer = 64 << 10

func (c *values) Encode(v any) ([]byte, error) {
	e, _ := c.encoders.Get().(*encoder)
	if e == nil {
		e = &encoder{w: c.format.NewWriter(), plans: &c.plans, typed: c.typed, nulls: c.nulls}
	}
	e.w.Reset()
	err := e.any(v)
	data, writeErr := e.w.Data()
	if err == nil {
		err = writeErr
	}
	if err != nil {
		return nil, fmt.Errorf("cannot encode as %s: %w", c.format.Name, err)
	}
	if cap(data) > keptBuffer {
		return data, nil // and e is not used again
	}
	data = bytes.Clone(data)
	c.encoders.Put(e)
	return data, nil
}

// An Encoded is a value that has not been decoded yet, such as an argument whose type is not known
// yet.
type Encoded struct {
	Codec  Codec
	Data   []byte
	Budget *Budget // nil if there is no limit
}

// Decode decodes the value into the pointer v.
func (e *Encoded) Decode(v any) error { return e.Budget.Decode(e.Codec, e.Data, v) }

// DecodeStrict decodes the value into the pointer v by [DecodeStrict].
func (e *Encoded) DecodeStrict(v any) error { return e.Budget.DecodeStrict(e.Codec, e.Data, v) }

// DecodeChecked decodes the value into the pointer v by [DecodeChecked].
func (e *Encoded) DecodeChecked(v any, lenient bool) error {
	return e.Budget.DecodeChecked(e.Codec, e.Data, v, lenient)
}

// Decode is c.Decode within the budget.
func (b *Budget) Decode(c Codec, data []byte, v any) error {
	if own, ok := c.(*values); ok {
		return own.decode(data, v, mode{}, b)
	}
	if err := b.Charge(len(data)); err != nil {
		return err
	}
	return c.Decode(data, v)
}

// DecodeStrict is [DecodeStrict] within the budget.
func (b *Budget) DecodeStrict(c Codec, data []byte, v any) error {
	if own, ok := c.(*values); ok {
		return own.decode(data, v, mode{strict: true}, b)
	}
	if err := b.Charge(len(data)); err != nil {
		return err
	}
	return DecodeStrict(c, data, v)
}

// DecodeChecked is [DecodeChecked] within the budget.
func (b *Budget) DecodeChecked(c Codec, data []byte, v any, lenient bool) error {
	if own, ok := c.(*values); ok {
		return own.decode(data, v, mode{strict: !lenient, checks: true}, b)
	}
	if lenient {
		return b.Decode(c, data, v)
	}
	return b.DecodeStrict(c, data, v)
}

func (c *values) Decode(data []byte, v any) error { return c.decode(data, v, mode{}, nil) }

// DecodeStrict implements [StrictCodec].
func (c *values) DecodeStrict(data []byte, v any) error {
	return c.decode(data, v, mode{strict: true}, nil)
}

// A mode says what decoding requires in addition to data that fits the type.
type mode struct {
	strict bool // see DecodeStrict
	checks bool // see DecodeChecked
}

func (c *values) decode(data []byte, v any, m mode, b *Budget) error {
	if err := CheckPointer(v); err != nil {
		return err
	}
	p := reflect.ValueOf(v)
	d := c.decoder(data, b)
	d.strict, d.checks = m.strict, m.checks
	defer c.release(d)
	plan := c.plans.of(p.Type().Elem())
	if plan.read == formAny && b != nil && len(data) > largeBody {
		left := b.left
		err := d.affordable()
		b.left = left
		if err != nil {
			return err
		}
	}
	if err := d.value(p.Elem(), plan); err != nil {
		return err
	}
	if err := d.r.End(); err != nil {
		return err
	}
	if d.faults.Len() > 0 {
		return d.faults.Err()
	}
	return nil
}

func (c *values) List(data []byte) ([][]byte, error) {
	d := c.decoder(data, nil)
	defer c.release(d)
	list, _, err := d.splitList(math.MaxInt)
	return list, err
}

func (c *values) Map(data []byte) ([]Member, error) {
	d := c.decoder(data, nil)
	defer c.release(d)
	return d.splitObject()
}

// List is c.List within the budget. It returns at most the first limit elements, and the number of
// all.
func (b *Budget) List(c Splitter, data []byte, limit int) (elements [][]byte, n int, err error) {
	if own, ok := c.(*values); ok {
		d := own.decoder(data, b)
		defer own.release(d)
		return d.splitList(limit)
	}
	if err := b.Charge(len(data)); err != nil {
		return nil, 0, err
	}
	elements, err = c.List(data)
	n = len(elements)
	return elements[:min(n, limit)], n, err
}

// Map is c.Map within the budget.
func (b *Budget) Map(c Splitter, data []byte) ([]Member, error) {
	if own, ok := c.(*values); ok {
		d := own.decoder(data, b)
		defer own.release(d)
		return d.splitObject()
	}
	if err := b.Charge(len(data)); err != nil {
		return nil, err
	}
	return c.Map(data)
}

func (c *values) Kind(data []byte) Kind {
	d := c.decoder(data, nil)
	defer c.release(d)
	kind, err := d.r.Kind()
	if err != nil {
		return KindNone
	}
	return kind
}

// decoder returns a decoder that reads data within b. It is released after use.
func (c *values) decoder(data []byte, b *Budget) *decoder {
	d, _ := c.decoders.Get().(*decoder)
	if d == nil {
		d = &decoder{input: input{r: c.format.NewReader()}, plans: &c.plans}
	}
	d.reset(data, b)
	return d
}

func (c *values) release(d *decoder) {
	d.returnRest()
	d.reset(nil, nil)
	d.strict, d.checks, d.faults = false, false, constraint.Faults{}
	c.decoders.Put(d)
}

// memberName returns key as a string. It does not allocate the names that every request and reply
// has.
func memberName(key []byte) string {
	switch string(key) {
	case "args":
		return "args"
	case "kwargs":
		return "kwargs"
	case "result":
		return "result"
	case "error":
		return "error"
	}
	return string(key)
}

// A memberList is a list of members with different names.
type memberList struct {
	members []Member
	byName  map[string]int // nil while there are few
}

// set appends m, or replaces the member of the same name.
func (l *memberList) set(m Member) {
	if i := l.index(m.Name); i >= 0 {
		l.members[i] = m
		return
	}
	if len(l.members) == 0 {
		l.members = make([]Member, 0, 2) // as many as a request and a reply have
	}
	l.members = append(l.members, m)
	switch {
	case l.byName != nil:
		l.byName[m.Name] = len(l.members) - 1
	case len(l.members) > 16:
		l.byName = make(map[string]int, 2*len(l.members))
		for i, m := range l.members {
			l.byName[m.Name] = i
		}
	}
}

// index returns the index of the member called name, or -1.
func (l *memberList) index(name string) int {
	if l.byName != nil {
		if i, ok := l.byName[name]; ok {
			return i
		}
		return -1
	}
	for i := range l.members {
		if l.members[i].Name == name {
			return i
		}
	}
	return -1
}
