package codec

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"sync"
)

// New returns the codec of f. It supports the values that the package comment lists.
func New(f Format) Splitter { return &values{format: f} }

// values is the codec of a format: it encodes and decodes the values that the package comment
// lists.
type values struct {
	format   Format
	typed    bool // encode in envelopes what JSON has no type for
	plans    plans
	encoders sync.Pool // of *encoder
	decoders sync.Pool // of *decoder
}

func (c *values) ContentType() string     { return c.format.ContentType }
func (c *values) ContentEncoding() string { return c.format.ContentEncoding }

// keptBuffer is the capacity, in bytes, of the largest buffer that is kept for the next value.
const keptBuffer = 64 << 10

func (c *values) Encode(v any) ([]byte, error) {
	e, _ := c.encoders.Get().(*encoder)
	if e == nil {
		e = &encoder{w: c.format.NewWriter(), plans: &c.plans, typed: c.typed}
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

// An Encoded is a value that is still encoded, such as an argument whose type is not known yet.
type Encoded struct {
	Codec Codec
	Data  []byte
}

// Decode decodes the value into the pointer v.
func (e *Encoded) Decode(v any) error { return e.Codec.Decode(e.Data, v) }

// DecodeStrict decodes the value into the pointer v by [DecodeStrict].
func (e *Encoded) DecodeStrict(v any) error { return DecodeStrict(e.Codec, e.Data, v) }

func (c *values) Decode(data []byte, v any) error { return c.decode(data, v, false) }

// DecodeStrict implements [StrictCodec].
func (c *values) DecodeStrict(data []byte, v any) error { return c.decode(data, v, true) }

func (c *values) decode(data []byte, v any, strict bool) error {
	p := reflect.ValueOf(v)
	if p.Kind() != reflect.Pointer || p.IsNil() {
		return fmt.Errorf("cannot decode into %T: pass a pointer", v)
	}
	d := c.decoder(data)
	d.strict = strict
	defer c.release(d)
	if err := d.value(p.Elem(), c.plans.of(p.Type().Elem())); err != nil {
		return err
	}
	return d.r.End()
}

func (c *values) List(data []byte) ([][]byte, error) {
	d := c.decoder(data)
	defer c.release(d)
	return d.splitList()
}

func (c *values) Map(data []byte) ([]Member, error) {
	d := c.decoder(data)
	defer c.release(d)
	return d.splitObject()
}

func (c *values) Kind(data []byte) Kind {
	d := c.decoder(data)
	defer c.release(d)
	kind, err := d.r.Kind()
	if err != nil {
		return KindNone
	}
	return kind
}

// decoder returns a decoder that reads data. It is released after use.
func (c *values) decoder(data []byte) *decoder {
	d, _ := c.decoders.Get().(*decoder)
	if d == nil {
		d = &decoder{input: input{r: c.format.NewReader()}, plans: &c.plans}
	}
	d.reset(data)
	return d
}

func (c *values) release(d *decoder) {
	d.reset(nil)
	d.strict = false
	c.decoders.Put(d)
}

// maxDepth is how deep lists and objects may be nested.
const maxDepth = 10_000

// An input is encoded data that is being read. It limits the depth of what it reads.
type input struct {
	r     Reader
	data  []byte
	depth int
}

func (in *input) reset(data []byte) {
	in.r.Reset(data)
	in.data, in.depth = data, 0
}

// open enters the list or object that comes next. It returns its length, or -1 if that is not
// known.
func (in *input) open(of Kind) (n int, err error) {
	if in.depth++; in.depth > maxDepth {
		return 0, fmt.Errorf("nested deeper than %d at byte %d", maxDepth, in.r.At()+1)
	}
	return in.r.Open(of)
}

// next moves to element or member i of a list or object of length n. It returns false at the end.
func (in *input) next(of Kind, i, n int) (bool, error) {
	more := i < n
	if n < 0 {
		var err error
		if more, err = in.r.Next(of, i); err != nil {
			return false, err
		}
	}
	if !more {
		in.depth--
	}
	return more, nil
}

// skip reads the value that comes next, and checks that it is valid.
func (in *input) skip() error { return in.measure(nil) }

// measure is skip. It also appends the lengths of all lists and objects in the value, in the order
// in which they begin.
func (in *input) measure(lengths *[]int) error {
	kind, err := in.r.Kind()
	if err != nil {
		return err
	}
	switch kind {
	case KindNull:
		return in.r.Null()
	case KindBool:
		_, err := in.r.Bool()
		return err
	case KindNumber:
		_, err := in.r.Number()
		return err
	case KindString:
		_, err := in.r.Text()
		return err
	case KindBytes:
		_, err := in.r.Bytes()
		return err
	}
	n, err := in.open(kind)
	if err != nil {
		return err
	}
	at := 0
	if lengths != nil {
		at = len(*lengths)
		*lengths = append(*lengths, 0)
	}
	for i := 0; ; i++ {
		more, err := in.next(kind, i, n)
		if err != nil {
			return err
		}
		if !more {
			if lengths != nil {
				(*lengths)[at] = i
			}
			return nil
		}
		if kind == KindObject {
			if _, err := in.r.Key(); err != nil {
				return err
			}
		}
		if err := in.measure(lengths); err != nil {
			return err
		}
	}
}

// splitList returns the encoded elements of the list that is the input.
func (in *input) splitList() ([][]byte, error) {
	n, err := in.expect(KindList)
	if err != nil {
		return nil, err
	}
	list := [][]byte{}
	for {
		more, err := in.next(KindList, len(list), n)
		if err == nil && !more {
			err = in.r.End()
		}
		if err != nil {
			return nil, err
		}
		if !more {
			return list, nil
		}
		element, err := in.element()
		if err != nil {
			return nil, err
		}
		list = append(list, element)
	}
}

// splitObject returns the members of the object that is the input. If two have the same name, it
// returns the last one in the place of the first, as Python does.
func (in *input) splitObject() ([]Member, error) {
	n, err := in.expect(KindObject)
	if err != nil {
		return nil, err
	}
	list := memberList{members: []Member{}}
	for i := 0; ; i++ {
		more, err := in.next(KindObject, i, n)
		if err == nil && !more {
			err = in.r.End()
		}
		if err != nil {
			return nil, err
		}
		if !more {
			return list.members, nil
		}
		key, err := in.r.Key()
		if err != nil {
			return nil, err
		}
		m := Member{Name: memberName(key)}
		if m.Value, err = in.element(); err != nil {
			return nil, err
		}
		list.set(m)
	}
}

// expect enters the list or object that is the input.
func (in *input) expect(want Kind) (int, error) {
	kind, err := in.r.Kind()
	if err != nil {
		return 0, err
	}
	if kind != want {
		if err := errors.Join(in.skip(), in.r.End()); err != nil {
			return 0, err
		}
		return 0, fmt.Errorf("%s where %s should be", kind, want)
	}
	return in.open(want)
}

// element returns the encoded value that comes next.
func (in *input) element() ([]byte, error) {
	if _, err := in.r.Kind(); err != nil {
		return nil, err
	}
	start := in.r.At()
	if err := in.skip(); err != nil {
		return nil, err
	}
	return in.data[start:in.r.At()], nil
}

// memberName returns key as a string. It does not allocate the names of every request and reply.
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
