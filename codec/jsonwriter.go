package codec

import (
	"encoding/base64"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A jsonWriter writes JSON as Python's json module does, in UTF-8: floats have a point or an
// exponent, and NaN and Infinity are written without quotes, or as null.
type jsonWriter struct {
	data   []byte
	finite bool // write null for NaN and the infinities
}

func (w *jsonWriter) Reset()                { w.data = w.data[:0] }
func (w *jsonWriter) Data() ([]byte, error) { return w.data, nil }

func (w *jsonWriter) Null()         { w.data = append(w.data, "null"...) }
func (w *jsonWriter) Bool(b bool)   { w.data = strconv.AppendBool(w.data, b) }
func (w *jsonWriter) Int(i int64)   { w.data = strconv.AppendInt(w.data, i, 10) }
func (w *jsonWriter) Uint(u uint64) { w.data = strconv.AppendUint(w.data, u, 10) }

// Float writes f as Python's repr does.
func (w *jsonWriter) Float(f float64, bits int) {
	switch abs := math.Abs(f); {
	case w.finite && !(abs <= math.MaxFloat64):
		w.Null()
	case math.IsNaN(f):
		w.data = append(w.data, "NaN"...)
	case f > math.MaxFloat64:
		w.data = append(w.data, "Infinity"...)
	case f < -math.MaxFloat64:
		w.data = append(w.data, "-Infinity"...)
	case abs != 0 && abs < 1e-4 || abs >= 1e16:
		w.data = strconv.AppendFloat(w.data, f, 'e', -1, bits)
	default:
		start := len(w.data)
		w.data = strconv.AppendFloat(w.data, f, 'f', -1, bits)
		for _, c := range w.data[start:] {
			if c == '.' {
				return
			}
		}
		w.data = append(w.data, ".0"...)
	}
}

func (w *jsonWriter) Number(text string) error {
	if w.finite && notFinite(text) {
		w.Null()
		return nil
	}
	w.data = append(w.data, text...)
	return nil
}

const hexDigits = "0123456789abcdef"

func (w *jsonWriter) Text(s string) error {
	data := append(w.data, '"')
	start := 0
	for i := plainASCII(s); i < len(s); {
		c := s[i]
		if c >= ' ' && c < utf8.RuneSelf && c != '"' && c != '\\' {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r != utf8.RuneError || n > 1 {
				i += n + plainASCII(s[i+n:])
				continue
			}
			if !surrogateAt(s, i) {
				return fmt.Errorf("%.40q is not valid UTF-8: use []byte for bytes", s)
			}
			unit := uint16(0xd000) | uint16(s[i+1]&0x3f)<<6 | uint16(s[i+2]&0x3f)
			data = append(append(data, s[start:i]...), '\\', 'u',
				hexDigits[unit>>12], hexDigits[unit>>8&15], hexDigits[unit>>4&15], hexDigits[unit&15])
			i += 3
			start = i
			continue
		}
		data = append(data, s[start:i]...)
		if at := strings.IndexByte("\b\f\n\r\t\"\\", c); at >= 0 {
			data = append(data, '\\', `bfnrt"\`[at])
		} else {
			data = append(data, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
		start = i
		i += plainASCII(s[start:])
	}
	w.data = append(append(data, s[start:]...), '"')
	return nil
}

// surrogateAt reports whether s has a surrogate at i, as a [jsonReader] decodes it.
func surrogateAt(s string, i int) bool {
	return len(s) >= i+3 && s[i] == 0xed && s[i+1]&0xe0 == 0xa0 && s[i+2]&0xc0 == 0x80
}

func (w *jsonWriter) Bytes(b []byte) {
	w.data = append(w.data, '"')
	w.data = base64.StdEncoding.AppendEncode(w.data, b)
	w.data = append(w.data, '"')
}

func (w *jsonWriter) Open(of Kind, _ int) {
	if of == KindObject {
		w.data = append(w.data, '{')
	} else {
		w.data = append(w.data, '[')
	}
}

func (w *jsonWriter) Element(i int) {
	if i > 0 {
		w.data = append(w.data, ',')
	}
}

func (w *jsonWriter) Key(i int, name string) error {
	w.Element(i)
	err := w.Text(name)
	w.data = append(w.data, ':')
	return err
}

func (w *jsonWriter) Close(of Kind) {
	if of == KindObject {
		w.data = append(w.data, '}')
	} else {
		w.data = append(w.data, ']')
	}
}
