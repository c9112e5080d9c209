package msgpack

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/gomeko/gomeko/codec"
)

// A writer writes msgpack as Python's packb does.
type writer struct {
	enc *msgpack.Encoder
	buf bytes.Buffer
	err error // of the first method that failed and returns no error
}

func newWriter() codec.Writer {
	w := new(writer)
	w.enc = msgpack.NewEncoder(&w.buf)
	return w
}

func (w *writer) Reset() {
	w.buf.Reset()
	w.err = nil
}

func (w *writer) Data() ([]byte, error) { return w.buf.Bytes(), w.err }

// keep keeps err for Data. Only a list of more than 2^32 elements causes one.
func (w *writer) keep(err error) {
	if err != nil && w.err == nil {
		w.err = err
	}
}

func (w *writer) Null()          { w.keep(w.enc.EncodeNil()) }
func (w *writer) Bool(b bool)    { w.keep(w.enc.EncodeBool(b)) }
func (w *writer) Int(i int64)    { w.keep(w.enc.EncodeInt(i)) }
func (w *writer) Uint(u uint64)  { w.keep(w.enc.EncodeUint(u)) }
func (w *writer) Bytes(b []byte) { w.keep(w.enc.EncodeBytes(b)) }

// Embed writes data, one whole value that a writer has written before.
func (w *writer) Embed(data []byte) { w.buf.Write(data) }

// Float writes eight bytes, as Python does. A float32 keeps its decimal digits: 0.1 is written as
// Python's 0.1.
func (w *writer) Float(f float64, bits int) {
	if bits == 32 {
		f, _ = strconv.ParseFloat(strconv.FormatFloat(f, 'g', -1, 32), 64)
	}
	w.keep(w.enc.EncodeFloat64(f))
}

func (w *writer) Number(text string) error {
	if strings.ContainsAny(text, ".eEN") || strings.HasSuffix(text, "y") { // as in NaN and Infinity
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return fmt.Errorf("number %.40s is too large for a float", text)
		}
		w.Float(f, 64)
		return nil
	}
	if i, err := strconv.ParseInt(text, 10, 64); err == nil {
		w.Int(i)
		return nil
	}
	u, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return fmt.Errorf("integer %.40s has more than 64 bits, which is the limit of msgpack", text)
	}
	w.Uint(u)
	return nil
}

func (w *writer) Text(s string) error {
	if !utf8.ValidString(s) {
		return fmt.Errorf("%.40q is not valid UTF-8: use []byte for bytes", s)
	}
	w.keep(w.enc.EncodeString(s))
	return nil
}

func (w *writer) Open(of codec.Kind, n int) {
	if of == codec.KindList {
		w.keep(w.enc.EncodeArrayLen(n))
	} else {
		w.keep(w.enc.EncodeMapLen(n))
	}
}

func (w *writer) Element(int)                  {}
func (w *writer) Key(_ int, name string) error { return w.Text(name) }
func (w *writer) Close(codec.Kind)             {}
