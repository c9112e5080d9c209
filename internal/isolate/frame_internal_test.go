package isolate

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
)

// These tests are in the package because frames from a child are read before anything else is known
// about it.

const testLimit = 1 << 20

func TestFrame(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, together, together + 1, testLimit} {
		f, err := newFrame(logKind, record{Message: "m"}, bytes.Repeat([]byte("x"), size))
		if err != nil {
			t.Fatal(err)
		}
		var pipe bytes.Buffer
		if err := f.write(&pipe, testLimit); err != nil {
			t.Fatal(err)
		}
		got, err := readFrame(&pipe, testLimit)
		var line record
		if err != nil || got.kind != logKind || !bytes.Equal(got.body, f.body) || got.read(&line) != nil || line.Message != "m" {
			t.Errorf("%d bytes: got %c with %d bytes, %v", size, got.kind, len(got.body), err)
		}
	}
	var large *tooLargeError
	f := frame{callKind, nil, make([]byte, testLimit+1)}
	if err := f.write(io.Discard, testLimit); !errors.As(err, &large) {
		t.Errorf("got %v, want too large", err)
	}
	if _, err := newFrame(callKind, strings.Repeat("x", maxHead), nil); !errors.As(err, &large) {
		t.Errorf("got %v, want too large", err)
	}
}

func TestHostileFrame(t *testing.T) {
	t.Parallel()
	for data, want := range map[string]string{
		"":                                     "EOF",
		"O\x00\x00":                            "unexpected EOF",
		"O\x00\x00\x00\x03\x00\x00\x00\x00":    "a frame of 3 bytes has a head of 0",
		"O\x00\x00\x00\x04\x00\x00\x00\x01":    "a frame of 4 bytes has a head of 1",
		"O\xff\xff\xff\xff\x00\x00\x00\x00":    "4294967291 bytes are more than the 1048576",
		"O\xff\xff\xff\xff\x7f\xff\xff\xff":    "2147483647 bytes are more than the 1048576",
		"O\x00\x00\x00\x10\x00\x00\x00\x02{}x": "a frame ends after 3 of 12 bytes",
	} {
		if _, err := readFrame(strings.NewReader(data), testLimit); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", data, err, want)
		}
	}
	f := frame{outcomeKind, []byte("[]"), nil}
	if err := f.read(new(outcome)); err == nil {
		t.Error("a head that is no object: got no error")
	}
	if _, err := parts([]byte("abc"), []int{1, 3}); err == nil {
		t.Error("parts beyond the body: got no error")
	}
	if _, err := parts([]byte("abc"), []int{-1}); err == nil {
		t.Error("a negative part: got no error")
	}
	if got, err := parts([]byte("abc"), []int{1, 0, 2}); err != nil || !slices.EqualFunc(got, []string{"a", "", "bc"}, func(a []byte, b string) bool { return string(a) == b }) {
		t.Errorf("got %q, %v", got, err)
	}
}

func FuzzFrame(f *testing.F) {
	for _, k := range []kind{callKind, outcomeKind, logKind} {
		var b bytes.Buffer
		one, _ := newFrame(k, callHead{ID: "1", Positional: []argument{{"", "application/json", 1}}}, []byte("5"))
		_ = one.write(&b, testLimit)
		f.Add(b.Bytes())
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := readFrame(bytes.NewReader(data), testLimit)
		if err != nil {
			return
		}
		if len(got.head)+len(got.body) > len(data) {
			t.Fatalf("got %d bytes of %d", len(got.head)+len(got.body), len(data))
		}
		var h callHead
		if got.read(&h) == nil {
			_, _ = decodeData(h.Texts, got.body)
			_, _ = parts(got.body, []int{h.Data, h.More})
		}
		var line record
		if got.read(&line) == nil {
			for i := range line.Attrs {
				_ = line.Attrs[i].attr().String()
			}
		}
		var o outcome
		if got.read(&o) == nil && o.Failure != nil && o.Failure.Kind != rejectedKind {
			_ = o.Failure.error(nil).Error()
		}
	})
}
