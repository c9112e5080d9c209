package codec

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf16"
	"unicode/utf8"
)

// JSON is the codec of application/json, which is Nameko's default. It writes as kombu 5.2 does:
// times, decimals and UUIDs are strings. It reads what any version of kombu writes.
var JSON Splitter = New(jsonFormat)

// TypedJSON is [JSON], except that it writes as kombu 5.3 and later do: times, dates, decimals,
// UUIDs and bytes are envelopes, such as {"__type__": "date", "__value__": "2024-01-02"}. Kombu 5.3
// decodes an envelope into a value of this type; kombu 5.2 decodes it into a dict.
var TypedJSON Splitter = &values{format: jsonFormat, typed: true}

// BrowserJSON is [JSON], except that it writes null for NaN and the infinities, as JavaScript's
// JSON.stringify does. Its output is valid JSON, also for a parser that does not accept
// Python's NaN: JSON.parse in a browser, jq, package encoding/json. Package web sends it.
var BrowserJSON Splitter = New(browserFormat)

var browserFormat = Format{
	Name:            "JSON",
	ContentType:     "application/json",
	ContentEncoding: "utf-8",
	NewReader:       NewJSONReader,
	NewWriter:       func() Writer { return &jsonWriter{finite: true} },
}

var jsonFormat = Format{
	Name:            "JSON",
	ContentType:     "application/json",
	ContentEncoding: "utf-8",
	NewReader:       NewJSONReader,
	NewWriter:       func() Writer { return new(jsonWriter) },
}

// NewJSONReader returns a reader of JSON, for programs that want the members of objects in their
// order, or numbers as they are written.
func NewJSONReader() Reader { return new(jsonReader) }

// A jsonReader reads JSON as Python's json module does: NaN, Infinity and -Infinity are numbers. A
// lone surrogate, "\ud83d", becomes the three bytes that UTF-8 would have for it (WTF-8).
type jsonReader struct {
	data    []byte
	i       int
	scratch []byte // for strings with escapes
}

func (r *jsonReader) Reset(data []byte) {
	r.data, r.i = data, 0
	if cap(r.scratch) > keptBuffer {
		r.scratch = nil
	}
}

var errEnds = errors.New("not valid JSON: it ends before the value does")

// space skips white space. It returns the byte that comes next, or 0 at the end.
func (r *jsonReader) space() byte {
	for ; r.i < len(r.data); r.i++ {
		if c := r.data[r.i]; c > ' ' || c != ' ' && c != '\n' && c != '\t' && c != '\r' {
			return c
		}
	}
	return 0
}

// unexpected returns the error of the byte at i.
func (r *jsonReader) unexpected() error {
	if r.i >= len(r.data) {
		if len(bytes.TrimSpace(r.data)) == 0 {
			return errors.New("not valid JSON: empty")
		}
		return errEnds
	}
	c, _ := utf8.DecodeRune(r.data[r.i:])
	if c == utf8.RuneError {
		return fmt.Errorf("not valid UTF-8 at byte %d", r.i+1)
	}
	return fmt.Errorf("not valid JSON: unexpected %q at byte %d", c, r.i+1)
}

func (r *jsonReader) Kind() (Kind, error) {
	switch c := r.space(); c {
	case '"':
		return KindString, nil
	case '{':
		return KindObject, nil
	case '[':
		return KindList, nil
	case 'n':
		return KindNull, nil
	case 't', 'f':
		return KindBool, nil
	case '-', 'N', 'I':
		return KindNumber, nil
	default:
		if '0' <= c && c <= '9' {
			return KindNumber, nil
		}
		return KindNone, r.unexpected()
	}
}

// literal reads word, such as null.
func (r *jsonReader) literal(word string) error {
	for i := range len(word) {
		if r.i >= len(r.data) || r.data[r.i] != word[i] {
			return r.unexpected()
		}
		r.i++
	}
	return nil
}

func (r *jsonReader) Null() error { return r.literal("null") }

func (r *jsonReader) Bool() (bool, error) {
	if r.data[r.i] == 't' {
		return true, r.literal("true")
	}
	return false, r.literal("false")
}

func (r *jsonReader) Number() (Number, error) {
	start := r.i
	if r.data[r.i] == '-' {
		r.i++
	}
	switch c := r.peek(); {
	case c == 'N' && start == r.i:
		return Number{text: r.data[start:min(start+3, len(r.data))]}, r.literal("NaN")
	case c == 'I':
		err := r.literal("Infinity")
		return Number{text: r.data[start:r.i]}, err
	case c == '0':
		r.i++
	default:
		if err := r.digits(); err != nil {
			return Number{}, err
		}
	}
	if r.peek() == '.' {
		r.i++
		if err := r.digits(); err != nil {
			return Number{}, err
		}
	}
	if c := r.peek(); c == 'e' || c == 'E' {
		r.i++
		if c := r.peek(); c == '+' || c == '-' {
			r.i++
		}
		if err := r.digits(); err != nil {
			return Number{}, err
		}
	}
	return Number{text: r.data[start:r.i]}, nil
}

func (r *jsonReader) peek() byte {
	if r.i < len(r.data) {
		return r.data[r.i]
	}
	return 0
}

// digits reads one or more digits.
func (r *jsonReader) digits() error {
	start := r.i
	for r.i < len(r.data) && '0' <= r.data[r.i] && r.data[r.i] <= '9' {
		r.i++
	}
	if r.i == start {
		return r.unexpected()
	}
	return nil
}

func (r *jsonReader) Text() ([]byte, error) {
	r.i++
	start := r.i
	n, high := plain(r.data[start:])
	for r.i += n; r.i < len(r.data); r.i++ {
		switch c := r.data[r.i]; {
		case c == '"', c == '\\':
			text := r.data[start:r.i]
			if high != 0 && !utf8.Valid(text) {
				return nil, r.notUTF8(start)
			}
			if c == '\\' {
				return r.unescape(append(r.scratch[:0], text...))
			}
			r.i++
			return text, nil
		case c < ' ':
			return nil, r.unexpected()
		default: // one of the last bytes
			high |= uint64(c) & utf8.RuneSelf
		}
	}
	return nil, errEnds
}

// notUTF8 returns the error of the text that begins at start.
func (r *jsonReader) notUTF8(start int) error {
	for r.i = start; ; {
		c, n := utf8.DecodeRune(r.data[r.i:])
		if c == utf8.RuneError && n <= 1 {
			return fmt.Errorf("not valid UTF-8 at byte %d", r.i+1)
		}
		r.i += n
	}
}

// unescape reads the rest of a string from its first escape on. The part before it is text.
func (r *jsonReader) unescape(text []byte) ([]byte, error) {
	for r.i < len(r.data) {
		start := r.i
		n, _ := plain(r.data[start:])
		for r.i += n; r.i < len(r.data) && r.data[r.i] != '"' && r.data[r.i] != '\\' && r.data[r.i] >= ' '; {
			r.i++
		}
		if !utf8.Valid(r.data[start:r.i]) {
			return nil, r.notUTF8(start)
		}
		text = append(text, r.data[start:r.i]...)
		switch r.peek() {
		case '"':
			r.i++
			r.scratch = text
			return text, nil
		case '\\':
			r.i++
			c, err := r.escaped()
			if err != nil {
				return nil, err
			}
			text = appendWTF8(text, c)
		default:
			return nil, r.unexpected()
		}
	}
	return nil, errEnds
}

// escaped reads the character that follows a backslash.
func (r *jsonReader) escaped() (rune, error) {
	c := r.peek()
	switch c {
	case 'u':
		high, err := r.hex()
		if err != nil || !utf16.IsSurrogate(high) {
			return high, err
		}
		if back := r.i; bytes.HasPrefix(r.data[r.i:], []byte(`\u`)) {
			r.i++
			low, err := r.hex()
			if err != nil {
				return 0, err
			}
			if c := utf16.DecodeRune(high, low); c != utf8.RuneError {
				return c, nil
			}
			r.i = back
		}
		return high, nil
	case 'b':
		c = '\b'
	case 'f':
		c = '\f'
	case 'n':
		c = '\n'
	case 'r':
		c = '\r'
	case 't':
		c = '\t'
	case '"', '\\', '/':
	default:
		return 0, r.unexpected()
	}
	r.i++
	return rune(c), nil
}

// hex reads the u and the four digits of an escape such as \u00e9.
func (r *jsonReader) hex() (c rune, err error) {
	r.i++
	for range 4 {
		switch d := r.peek(); {
		case '0' <= d && d <= '9':
			c = c<<4 | rune(d-'0')
		case 'a' <= d && d <= 'f':
			c = c<<4 | rune(d-'a'+10)
		case 'A' <= d && d <= 'F':
			c = c<<4 | rune(d-'A'+10)
		default:
			return 0, r.unexpected()
		}
		r.i++
	}
	return c, nil
}

// appendWTF8 is utf8.AppendRune that accepts surrogates.
func appendWTF8(text []byte, c rune) []byte {
	if utf16.IsSurrogate(c) {
		return append(text, 0xed, 0x80|byte(c>>6)&0x3f, 0x80|byte(c)&0x3f)
	}
	return utf8.AppendRune(text, c)
}

// Bytes is never called: JSON has no bytes.
func (r *jsonReader) Bytes() ([]byte, error) { return nil, r.unexpected() }

func (r *jsonReader) Open(Kind) (int, error) {
	r.i++
	return -1, nil
}

func (r *jsonReader) Next(of Kind, i int) (bool, error) {
	end := byte(']')
	if of == KindObject {
		end = '}'
	}
	switch c := r.space(); {
	case c == end:
		r.i++
		return false, nil
	case i == 0:
		return true, nil
	case c == ',':
		r.i++
		return true, nil
	}
	return false, r.unexpected()
}

func (r *jsonReader) Key() ([]byte, error) {
	if r.space() != '"' {
		return nil, r.unexpected()
	}
	key, err := r.Text()
	if err != nil {
		return nil, err
	}
	if r.space() != ':' {
		return nil, r.unexpected()
	}
	r.i++
	return key, nil
}

func (r *jsonReader) At() int     { return r.i }
func (r *jsonReader) Back(at int) { r.i = at }

func (r *jsonReader) End() error {
	if r.space(); r.i < len(r.data) {
		return fmt.Errorf("not valid JSON: %.20q after the value", r.data[r.i:])
	}
	return nil
}
