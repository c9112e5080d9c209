package codec_test

import (
	"bytes"
	"errors"
	"fmt"
	"log"
	"strconv"

	"github.com/gomeko/gomeko/codec"
)

// lines is a format with one value, name, or end of a list or object on each line.
var lines = codec.New(codec.Format{
	Name:            "lines",
	ContentType:     "text/x-lines",
	ContentEncoding: "utf-8",
	NewReader:       func() codec.Reader { return new(lineReader) },
	NewWriter:       func() codec.Writer { return new(lineWriter) },
})

// A lineWriter writes each value after a letter for its kind.
type lineWriter struct{ buf bytes.Buffer }

func (w *lineWriter) line(kind byte, text string) { fmt.Fprintf(&w.buf, "%c%s\n", kind, text) }

func (w *lineWriter) Reset()                { w.buf.Reset() }
func (w *lineWriter) Data() ([]byte, error) { return w.buf.Bytes(), nil }
func (w *lineWriter) Null()                 { w.line('n', "") }
func (w *lineWriter) Bool(b bool)           { w.line('b', strconv.FormatBool(b)) }
func (w *lineWriter) Int(i int64)           { w.line('i', strconv.FormatInt(i, 10)) }
func (w *lineWriter) Uint(u uint64)         { w.line('u', strconv.FormatUint(u, 10)) }
func (w *lineWriter) Bytes(b []byte)        { w.line('x', strconv.Quote(string(b))) }

func (w *lineWriter) Float(f float64, bits int) {
	w.line('f', strconv.FormatFloat(f, 'g', -1, bits))
}

func (w *lineWriter) Number(text string) error {
	if i, err := strconv.ParseInt(text, 10, 64); err == nil {
		w.Int(i)
		return nil
	}
	f, err := strconv.ParseFloat(text, 64)
	w.Float(f, 64)
	return err
}

func (w *lineWriter) Text(text string) error {
	w.line('s', strconv.Quote(text))
	return nil
}

func (w *lineWriter) Open(of codec.Kind, _ int) {
	if of == codec.KindList {
		w.line('[', "")
	} else {
		w.line('{', "")
	}
}

func (w *lineWriter) Element(int)                  {}
func (w *lineWriter) Key(_ int, name string) error { return w.Text(name) }
func (w *lineWriter) Close(codec.Kind)             { w.line('.', "") }

// A lineReader reads what a lineWriter has written.
type lineReader struct {
	data []byte
	at   int
}

func (r *lineReader) Reset(data []byte) { r.data, r.at = data, 0 }
func (r *lineReader) At() int           { return r.at }
func (r *lineReader) Back(at int)       { r.at = at }

// line reads a line and returns the text after its letter.
func (r *lineReader) line() (string, error) {
	text, _, ok := bytes.Cut(r.data[r.at:], []byte("\n"))
	if !ok || len(text) == 0 {
		return "", fmt.Errorf("not valid lines: no value at byte %d", r.at+1)
	}
	r.at += len(text) + 1
	return string(text[1:]), nil
}

func (r *lineReader) Kind() (codec.Kind, error) {
	if r.at == len(r.data) {
		return codec.KindNone, errors.New("not valid lines: it ends before the value does")
	}
	kinds := map[byte]codec.Kind{
		'n': codec.KindNull, 'b': codec.KindBool, 'i': codec.KindNumber, 'u': codec.KindNumber, 'f': codec.KindNumber,
		's': codec.KindString, 'x': codec.KindBytes, '[': codec.KindList, '{': codec.KindObject,
	}
	kind, ok := kinds[r.data[r.at]]
	if !ok {
		return codec.KindNone, fmt.Errorf("not valid lines: unexpected %q at byte %d", r.data[r.at], r.at+1)
	}
	return kind, nil
}

func (r *lineReader) Null() error {
	_, err := r.line()
	return err
}

func (r *lineReader) Bool() (bool, error) {
	text, err := r.line()
	return text == "true", err
}

func (r *lineReader) Number() (codec.Number, error) {
	kind := r.data[r.at]
	text, err := r.line()
	if err != nil {
		return codec.Number{}, err
	}
	switch kind {
	case 'i':
		i, err := strconv.ParseInt(text, 10, 64)
		return codec.IntNumber(i), err
	case 'u':
		u, err := strconv.ParseUint(text, 10, 64)
		return codec.UintNumber(u), err
	}
	f, err := strconv.ParseFloat(text, 64)
	return codec.FloatNumber(f), err
}

func (r *lineReader) Text() ([]byte, error) {
	text, err := r.line()
	if err != nil {
		return nil, err
	}
	text, err = strconv.Unquote(text)
	return []byte(text), err
}

func (r *lineReader) Bytes() ([]byte, error) { return r.Text() }
func (r *lineReader) Key() ([]byte, error)   { return r.Text() }

func (r *lineReader) Open(codec.Kind) (int, error) {
	_, err := r.line()
	return -1, err // the length is not known
}

func (r *lineReader) Next(codec.Kind, int) (bool, error) {
	if r.at == len(r.data) {
		return false, errors.New("not valid lines: it ends before the value does")
	}
	if r.data[r.at] != '.' {
		return true, nil
	}
	_, err := r.line()
	return false, err
}

func (r *lineReader) End() error {
	if r.at < len(r.data) {
		return fmt.Errorf("not valid lines: more than one value, at byte %d", r.at+1)
	}
	return nil
}

// A codec for a new format needs a Reader and a Writer.
func ExampleNew() {
	type Order struct {
		ID   int        `json:"id"`
		Tags []string   `json:"tags"`
		Due  codec.Date `json:"due"`
	}
	data, err := lines.Encode(Order{7, []string{"new"}, codec.Date{Year: 2024, Month: 5, Day: 1}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s", data)

	var order Order
	if err := lines.Decode(data, &order); err != nil {
		log.Fatal(err)
	}
	fmt.Println(order)
	// Output:
	// {
	// s"id"
	// i7
	// s"tags"
	// [
	// s"new"
	// .
	// s"due"
	// s"2024-05-01T00:00:00"
	// .
	// {7 [new] 2024-05-01}
}
