package codec

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/vmihailenco/msgpack/v5"
)

// MessagePack is the codec of application/x-msgpack; binary: the values of [JSON] in fewer bytes, and a []byte as it is.
// An integer of more than 64 bits is an error, as it is to every peer.
var MessagePack Codec = new(msgpackCodec)

type msgpackCodec struct{ plans plans }

func (*msgpackCodec) ContentType() string     { return "application/x-msgpack" }
func (*msgpackCodec) ContentEncoding() string { return "binary" }

func (c *msgpackCodec) Encode(v any) ([]byte, error) {
	w := newMsgpackWriter()
	defer w.release()
	e := encoder{w: w, plans: &c.plans}
	if err := errors.Join(e.any(v), w.err); err != nil {
		return nil, fmt.Errorf("cannot be written as msgpack: %w", err)
	}
	return w.buf.Bytes(), nil
}

func (c *msgpackCodec) Decode(data []byte, v any) error {
	r := newMsgpackReader(data)
	defer r.release()
	return decode(r, &c.plans, v)
}

func (*msgpackCodec) List(data []byte) ([][]byte, error) {
	r := newMsgpackReader(data)
	defer r.release()
	return splitList(r)
}

func (*msgpackCodec) Map(data []byte) ([]Member, error) {
	r := newMsgpackReader(data)
	defer r.release()
	return splitObject(r)
}

func (*msgpackCodec) Kind(data []byte) Kind {
	if len(data) == 0 {
		return KindNone
	}
	return msgpackKind(data[0])
}

// A msgpackWriter writes msgpack as Python's packb does, by the primitives of vmihailenco/msgpack: what Go's types are
// made of is the encoder's.
type msgpackWriter struct {
	enc *msgpack.Encoder
	buf bytes.Buffer
	err error // never, unless a list has more than 2^32 elements
}

func newMsgpackWriter() *msgpackWriter {
	w := &msgpackWriter{enc: msgpack.GetEncoder()}
	w.enc.Reset(&w.buf)
	return w
}

func (w *msgpackWriter) release() { msgpack.PutEncoder(w.enc) }

func (w *msgpackWriter) keep(err error) {
	if err != nil && w.err == nil {
		w.err = err
	}
}

func (w *msgpackWriter) null()          { w.keep(w.enc.EncodeNil()) }
func (w *msgpackWriter) bool(b bool)    { w.keep(w.enc.EncodeBool(b)) }
func (w *msgpackWriter) int(i int64)    { w.keep(w.enc.EncodeInt(i)) }
func (w *msgpackWriter) uint(u uint64)  { w.keep(w.enc.EncodeUint(u)) }
func (w *msgpackWriter) bytes(b []byte) { w.keep(w.enc.EncodeBytes(b)) }
func (w *msgpackWriter) list(n int)     { w.keep(w.enc.EncodeArrayLen(n)) }
func (w *msgpackWriter) object(n int)   { w.keep(w.enc.EncodeMapLen(n)) }
func (w *msgpackWriter) item(int)       {}
func (w *msgpackWriter) close(Kind)     {}

// float writes eight bytes, as Python does: 0.1 of 32 bits would not be its 0.1.
func (w *msgpackWriter) float(f float64, bits int) {
	if bits == 32 {
		f, _ = strconv.ParseFloat(strconv.FormatFloat(f, 'g', -1, 32), 64)
	}
	w.keep(w.enc.EncodeFloat64(f))
}

func (w *msgpackWriter) number(text string) error {
	var check jsonWriter
	if err := check.number(text); err != nil {
		return err
	}
	n := number{text: []byte(text)}
	if strings.ContainsAny(text, ".eEN") || strings.HasSuffix(text, "y") {
		f, ok := n.float(64)
		if !ok {
			return misfitf("number %.40s is larger than a float can be", text)
		}
		w.float(f, 64)
		return nil
	}
	if i, ok := n.int(); ok {
		w.int(i)
		return nil
	}
	u, ok := n.uint()
	if !ok {
		return misfitf("integer %.40s has more than the 64 bits of msgpack's", text)
	}
	w.uint(u)
	return nil
}

func (w *msgpackWriter) text(s string) error {
	if !utf8.ValidString(s) {
		return misfitf("%.40q is not UTF-8: bytes are a []byte", s)
	}
	w.keep(w.enc.EncodeString(s))
	return nil
}

func (w *msgpackWriter) key(_ int, name string) error { return w.text(name) }
