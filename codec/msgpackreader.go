package codec

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
)

// A msgpackReader reads msgpack by the primitives of vmihailenco/msgpack. No length is believed: what it says must be
// there.
type msgpackReader struct {
	dec   *msgpack.Decoder
	rest  bytes.Reader // what dec has not read of data
	data  []byte
	depth int
}

func newMsgpackReader(data []byte) *msgpackReader {
	r := &msgpackReader{dec: msgpack.GetDecoder(), data: data}
	r.rest.Reset(data)
	r.dec.Reset(&r.rest)
	return r
}

func (r *msgpackReader) release() { msgpack.PutDecoder(r.dec) }

var errMsgpackEnds = errors.New("not valid msgpack: it ends before the value does")

// known puts an error of the decoder into words for who sent the data.
func (r *msgpackReader) known(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.EOF) && len(r.data) == 0:
		return errors.New("not valid msgpack: empty")
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errMsgpackEnds
	}
	return fmt.Errorf("not valid msgpack: %w", err)
}

// msgpackKind returns the kind of the value that begins with c.
func msgpackKind(c byte) Kind {
	switch {
	case c == msgpcode.Nil:
		return KindNull
	case c == msgpcode.True, c == msgpcode.False:
		return KindBool
	case msgpcode.IsFixedNum(c), msgpcode.Float <= c && c <= msgpcode.Int64:
		return KindNumber
	case msgpcode.IsString(c), msgpcode.IsExt(c): // the one extension that is read is a time
		return KindString
	case msgpcode.IsBin(c):
		return KindBytes
	case msgpcode.IsFixedArray(c), c == msgpcode.Array16, c == msgpcode.Array32:
		return KindList
	case msgpcode.IsFixedMap(c), c == msgpcode.Map16, c == msgpcode.Map32:
		return KindObject
	}
	return KindNone
}

func (r *msgpackReader) kind() (Kind, error) {
	c, err := r.dec.PeekCode()
	if err != nil {
		return KindNone, r.known(err)
	}
	kind := msgpackKind(c)
	if kind == KindNone {
		return kind, fmt.Errorf("not valid msgpack: 0x%x at byte %d", c, r.at()+1)
	}
	return kind, nil
}

func (r *msgpackReader) null() error { return r.known(r.dec.DecodeNil()) }

func (r *msgpackReader) bool() (bool, error) {
	b, err := r.dec.DecodeBool()
	return b, r.known(err)
}

func (r *msgpackReader) number() (n number, err error) {
	switch c, _ := r.dec.PeekCode(); c {
	case msgpcode.Float, msgpcode.Double:
		n.form = formFloat
		n.f, err = r.dec.DecodeFloat64()
	case msgpcode.Uint64:
		n.form = formUint
		n.u, err = r.dec.DecodeUint64()
	default:
		n.form = formInt
		n.i, err = r.dec.DecodeInt64()
	}
	return n, r.known(err)
}

func (r *msgpackReader) text() ([]byte, error) {
	if c, _ := r.dec.PeekCode(); msgpcode.IsExt(c) {
		return r.timestamp()
	}
	at := r.at()
	text, err := r.bytes()
	if err == nil && !utf8.Valid(text) {
		err = fmt.Errorf("not valid UTF-8 in the string at byte %d", at+1)
	}
	return text, err
}

func (r *msgpackReader) bytes() ([]byte, error) {
	n, err := r.dec.DecodeBytesLen()
	if err != nil {
		return nil, r.known(err)
	}
	return r.take(n)
}

// take returns the next n bytes.
func (r *msgpackReader) take(n int) ([]byte, error) {
	if n < 0 || n > r.rest.Len() {
		return nil, errMsgpackEnds
	}
	at := r.at()
	r.back(at + n)
	return r.data[at : at+n], nil
}

// timestamp reads the extension -1, a time, as the string that it is in JSON.
func (r *msgpackReader) timestamp() ([]byte, error) {
	id, n, err := r.dec.DecodeExtHeader()
	if err != nil {
		return nil, r.known(err)
	}
	data, err := r.take(n)
	if err != nil {
		return nil, err
	}
	var seconds, nanos int64
	switch {
	case id != -1:
		return nil, fmt.Errorf("msgpack's extension %d is not read: send a string", id)
	case n == 4:
		seconds = int64(binary.BigEndian.Uint32(data))
	case n == 8:
		both := binary.BigEndian.Uint64(data)
		seconds, nanos = int64(both&(1<<34-1)), int64(both>>34)
	case n == 12:
		nanos = int64(binary.BigEndian.Uint32(data))
		seconds = int64(binary.BigEndian.Uint64(data[4:]))
	}
	const year10000 = 253402300800
	if n != 4 && n != 8 && n != 12 || nanos >= 1e9 || seconds < -62135596800 || seconds >= year10000 {
		return nil, errors.New("not valid msgpack: a timestamp that is none")
	}
	return []byte(isoformat(time.Unix(seconds, nanos).UTC(), false)), nil
}

func (r *msgpackReader) open() (n int, err error) {
	if r.depth++; r.depth > deepest {
		return 0, fmt.Errorf("nested deeper than %d at byte %d", deepest, r.at()+1)
	}
	if c, _ := r.dec.PeekCode(); msgpackKind(c) == KindList {
		n, err = r.dec.DecodeArrayLen()
	} else {
		n, err = r.dec.DecodeMapLen()
	}
	if err == nil && n > r.rest.Len() {
		return 0, errMsgpackEnds
	}
	return n, r.known(err)
}

func (r *msgpackReader) next(i, n int, _ Kind) (bool, error) {
	if i < n {
		return true, nil
	}
	r.depth--
	return false, nil
}

// key takes one of any type that Python's dict may have, and spells it as JSON would.
func (r *msgpackReader) key() ([]byte, error) {
	kind, err := r.kind()
	if err != nil {
		return nil, err
	}
	switch kind {
	case KindString:
		return r.text()
	case KindNull:
		return []byte("null"), r.null()
	case KindBool:
		b, err := r.bool()
		return strconv.AppendBool(nil, b), err
	case KindNumber:
		n, err := r.number()
		return []byte(n.String()), err
	case KindBytes:
		if b, err := r.bytes(); err != nil || utf8.Valid(b) {
			return b, err
		}
	}
	return nil, misfitf("%s cannot be a key", kind)
}

func (r *msgpackReader) skip() error { return skip(r) }
func (r *msgpackReader) leave()      { r.depth-- }

func (r *msgpackReader) at() int             { return len(r.data) - r.rest.Len() }
func (r *msgpackReader) since(at int) []byte { return r.data[at:r.at()] }

func (r *msgpackReader) back(at int) {
	if _, err := r.rest.Seek(int64(at), io.SeekStart); err != nil {
		panic(err) // at was a position
	}
}

func (r *msgpackReader) end() error {
	if n := r.rest.Len(); n > 0 {
		return fmt.Errorf("not valid msgpack: %d bytes after the value", n)
	}
	return nil
}
