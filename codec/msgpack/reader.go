package msgpack

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/vmihailenco/msgpack/v5"
	"github.com/vmihailenco/msgpack/v5/msgpcode"

	"github.com/gomeko/gomeko/codec"
)

// A reader reads msgpack. It does not trust a length: that many bytes must follow.
type reader struct {
	dec  *msgpack.Decoder
	rest bytes.Reader // the part of data that dec has not read
	data []byte
}

func newReader() codec.Reader {
	r := new(reader)
	r.dec = msgpack.NewDecoder(&r.rest)
	return r
}

func (r *reader) Reset(data []byte) {
	r.data = data
	r.rest.Reset(data)
}

var errEnds = errors.New("not valid msgpack: it ends before the value does")

// explain returns err, an error of the decoder, in words that describe the data.
func (r *reader) explain(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.EOF) && len(r.data) == 0:
		return errors.New("not valid msgpack: empty")
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errEnds
	}
	return fmt.Errorf("not valid msgpack: %w", err)
}

func (r *reader) Kind() (codec.Kind, error) {
	c, err := r.dec.PeekCode()
	if err != nil {
		return codec.KindNone, r.explain(err)
	}
	kind := kindOf(c)
	if kind == codec.KindNone {
		return kind, fmt.Errorf("not valid msgpack: 0x%x at byte %d", c, r.At()+1)
	}
	return kind, nil
}

// kindOf returns the kind of a value whose first byte is c.
func kindOf(c byte) codec.Kind {
	switch {
	case c == msgpcode.Nil:
		return codec.KindNull
	case c == msgpcode.True, c == msgpcode.False:
		return codec.KindBool
	case msgpcode.IsFixedNum(c), msgpcode.Float <= c && c <= msgpcode.Int64:
		return codec.KindNumber
	case msgpcode.IsString(c), msgpcode.IsExt(c): // an extension must be a timestamp, which is read as text
		return codec.KindString
	case msgpcode.IsBin(c):
		return codec.KindBytes
	case msgpcode.IsFixedArray(c), c == msgpcode.Array16, c == msgpcode.Array32:
		return codec.KindList
	case msgpcode.IsFixedMap(c), c == msgpcode.Map16, c == msgpcode.Map32:
		return codec.KindObject
	}
	return codec.KindNone
}

func (r *reader) Null() error { return r.explain(r.dec.DecodeNil()) }

func (r *reader) Bool() (bool, error) {
	b, err := r.dec.DecodeBool()
	return b, r.explain(err)
}

func (r *reader) Number() (codec.Number, error) {
	switch c, _ := r.dec.PeekCode(); c {
	case msgpcode.Float, msgpcode.Double:
		f, err := r.dec.DecodeFloat64()
		return codec.FloatNumber(f), r.explain(err)
	case msgpcode.Uint64:
		u, err := r.dec.DecodeUint64()
		return codec.UintNumber(u), r.explain(err)
	}
	i, err := r.dec.DecodeInt64()
	return codec.IntNumber(i), r.explain(err)
}

func (r *reader) Text() ([]byte, error) {
	if c, _ := r.dec.PeekCode(); msgpcode.IsExt(c) {
		return r.timestamp()
	}
	at := r.At()
	text, err := r.Bytes()
	if err == nil && !utf8.Valid(text) {
		err = fmt.Errorf("not valid UTF-8 in the string at byte %d", at+1)
	}
	return text, err
}

func (r *reader) Bytes() ([]byte, error) {
	n, err := r.dec.DecodeBytesLen()
	if err != nil {
		return nil, r.explain(err)
	}
	return r.take(n)
}

// take returns the next n bytes.
func (r *reader) take(n int) ([]byte, error) {
	if n < 0 || n > r.rest.Len() {
		return nil, errEnds
	}
	at := r.At()
	r.Back(at + n)
	return r.data[at : at+n], nil
}

// timestamp reads the extension -1, a time, as the text that it is in JSON.
func (r *reader) timestamp() ([]byte, error) {
	id, n, err := r.dec.DecodeExtHeader()
	if err != nil {
		return nil, r.explain(err)
	}
	data, err := r.take(n)
	if err != nil {
		return nil, err
	}
	var seconds, nanos int64
	switch {
	case id != -1:
		return nil, fmt.Errorf("extension %d of msgpack is not supported: send a string", id)
	case n == 4:
		seconds = int64(binary.BigEndian.Uint32(data))
	case n == 8:
		both := binary.BigEndian.Uint64(data)
		seconds, nanos = int64(both&(1<<34-1)), int64(both>>34)
	case n == 12:
		nanos = int64(binary.BigEndian.Uint32(data))
		seconds = int64(binary.BigEndian.Uint64(data[4:]))
	}
	const year1, year10000 = -62135596800, 253402300800
	if n != 4 && n != 8 && n != 12 || nanos >= 1e9 || seconds < year1 || seconds >= year10000 {
		return nil, errors.New("not valid msgpack: malformed timestamp, or not in the years 1 to 9999")
	}
	layout := "2006-01-02T15:04:05Z"
	if nanos >= 1000 {
		layout = "2006-01-02T15:04:05.000000Z"
	}
	return time.Unix(seconds, nanos).UTC().AppendFormat(nil, layout), nil
}

func (r *reader) Open(of codec.Kind) (n int, err error) {
	if of == codec.KindList {
		n, err = r.dec.DecodeArrayLen()
	} else {
		n, err = r.dec.DecodeMapLen()
	}
	if err == nil && n > r.rest.Len() {
		return 0, errEnds
	}
	return n, r.explain(err)
}

// Next is never called: Open returns the length.
func (r *reader) Next(codec.Kind, int) (bool, error) { return false, nil }

// Key reads a key of any type that a dict's key may have in Python. It returns the text that JSON
// has for it.
func (r *reader) Key() ([]byte, error) {
	kind, err := r.Kind()
	if err != nil {
		return nil, err
	}
	switch kind {
	case codec.KindString:
		return r.Text()
	case codec.KindNull:
		return []byte("null"), r.Null()
	case codec.KindBool:
		b, err := r.Bool()
		return strconv.AppendBool(nil, b), err
	case codec.KindNumber:
		n, err := r.Number()
		return []byte(n.String()), err
	case codec.KindBytes:
		if b, err := r.Bytes(); err != nil || utf8.Valid(b) {
			return b, err
		}
	}
	return nil, fmt.Errorf("%s cannot be a key, at byte %d", kind, r.At()+1)
}

func (r *reader) At() int { return len(r.data) - r.rest.Len() }

func (r *reader) Back(at int) {
	if _, err := r.rest.Seek(int64(at), io.SeekStart); err != nil {
		panic(err) // at was a position
	}
}

func (r *reader) End() error {
	if n := r.rest.Len(); n > 0 {
		return fmt.Errorf("not valid msgpack: %d bytes after the value", n)
	}
	return nil
}
