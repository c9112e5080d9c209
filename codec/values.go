package codec

import (
	"bytes"
	"fmt"
	"reflect"
	"sync"
)

// New returns the codec of f. It supports the values that the package comment lists.
func New(f Format) Splitter { return &values{format: f} }

// values is the codec of a format: it encodes and decodes the values that the package comment lists.
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

func (c *values) Decode(data []byte, v any) error {
	p := reflect.ValueOf(v)
	if p.Kind() != reflect.Pointer || p.IsNil() {
		return fmt.Errorf("cannot decode into %T: pass a pointer", v)
	}
	d := c.decoder(data)
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
	c.decoders.Put(d)
}
