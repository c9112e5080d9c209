package codec

import (
	"reflect"
	"sync"
)

// Freeze encodes v and returns a value that c will encode in the same way later, even if v has
// changed, and also as a part of another value. size is its encoded size in bytes.
func Freeze(c Codec, v any) (is any, size int, err error) {
	data, err := c.Encode(v)
	if err != nil {
		return nil, 0, err
	}
	if own, ok := c.(*values); ok && own.embeds() {
		return frozen(data), len(data), nil
	}
	err = c.Decode(data, &is)
	return is, len(data), err
}

// A frozen holds a value that the codec of its message has already encoded.
type frozen []byte

var frozenType = reflect.TypeFor[frozen]()

// An embedder is a [Writer] that can write a value which it has written before.
type embedder interface {
	// Embed writes data, one whole value.
	Embed(data []byte)
}

// embedding says whether the writers of a format are embedders.
type embedding struct {
	once sync.Once
	is   bool
}

// embeds reports whether the codec's writers can write frozen values.
func (c *values) embeds() bool {
	c.embedding.once.Do(func() { _, c.embedding.is = c.format.NewWriter().(embedder) })
	return c.embedding.is
}

// embed writes a frozen value.
func (e *encoder) embed(v reflect.Value) error {
	w, ok := e.w.(embedder)
	if !ok {
		return valueErrorf("%s is not data", v.Type())
	}
	w.Embed(v.Bytes())
	return nil
}

// Embed implements embedder.
func (w *jsonWriter) Embed(data []byte) { w.data = append(w.data, data...) }

// Frozen returns a value that c encodes as data. data must be one value that c has encoded before,
// possibly in another process.
func Frozen(c Codec, data []byte) (is any, err error) {
	if own, ok := c.(*values); ok && own.embeds() {
		return frozen(data), nil
	}
	err = c.Decode(data, &is)
	return is, err
}
