package codec_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/codec/msgpack"
)

// FuzzJSON compares the codec with encoding/json, and checks that decoded values can be encoded.
func FuzzJSON(f *testing.F) {
	for _, seed := range []string{
		`{"name":"x","age":2.0,"friends":[{"scores":{"a":1e2}}]}`, `[null,1.0]`, `{"extra":[{}],"raw":null}`, `"\ud83d"`,
		`[1,"a\\",{"b":[]}]`, `[NaN,-Infinity,1e400,-0.0]`, `{"__type__":"date","__value__":"2024-01-02"}`, `{"a":1,"a":{"a":2}}`,
		`{"born":{"__value__":"2024-01-02T03:04:05","__type__":"datetime"},"name":{"__type__":"uuid","__value__":{"hex":"12345678123456781234567812345678"}}}`,
		"\"\xff\"", `"\u0000\/\ud83d\ude80"`, "[1,2", `1 2`, `{"scores":{"a":null}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var p person
		_ = codec.JSON.Decode(data, &p)
		var v any
		err := codec.JSON.Decode(data, &v)
		if odd := bytes.Contains(data, []byte("NaN")) || bytes.Contains(data, []byte("Infinity")); !odd {
			want := json.Valid(data) && utf8.Valid(data)
			if (err == nil) != want {
				t.Fatalf("%q: got %v, valid is %t", data, err, want)
			}
		}
		if err != nil {
			return
		}
		if plain := !bytes.Contains(data, []byte("__type__")) && !bytes.Contains(data, []byte(`\u`)); plain && json.Valid(data) {
			var want any
			d := json.NewDecoder(bytes.NewReader(data))
			d.UseNumber()
			if err := d.Decode(&want); err != nil || !reflect.DeepEqual(v, want) {
				t.Errorf("%q: got %#v, want %#v, %v", data, v, want, err)
			}
		}
		splitsAs(t, codec.JSON, data, v)
		for _, c := range []codec.Codec{codec.JSON, codec.TypedJSON} {
			comesBack(t, c, v)
		}
	})
}

// FuzzMessagePack checks that decoded values can be encoded and decoded again.
func FuzzMessagePack(f *testing.F) {
	for _, v := range []any{
		person{Name: "x", Extra: []any{1, 2.5, nil}}, map[string]any{"a": []byte{0xff}, "b": "é"}, []any{-1, 1 << 40, uint64(1 << 63)},
	} {
		data, err := msgpack.Codec.Encode(v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	for _, seed := range []string{
		"\xdd\xff\xff\xff\xff", "\xdf\xff\xff\xff\xff", "\xdb\xff\xff\xff\xffa", "\xc6\xff\xff\xff\xff", "\x82\x01\xc0\xc3\x90",
		"\xd6\xff\x00\x00\x00\x00", "\xc7\x0c\xff\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x05", "\xd4\x05\x00", "\xc1", "\xca\x7f\xc0\x00\x00",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var p person
		_ = msgpack.Codec.Decode(data, &p)
		var raw json.RawMessage
		rawErr := msgpack.Codec.Decode(data, &raw)
		var v any
		err := msgpack.Codec.Decode(data, &v)
		if err != nil {
			return
		}
		if rawErr != nil {
			t.Errorf("%x: got %v for a RawMessage, none for an any", data, rawErr)
		}
		splitsAs(t, msgpack.Codec, data, v)
		comesBack(t, msgpack.Codec, v)
	})
}

// FuzzEnvelopes checks that every object with the members of an envelope can be decoded, encoded
// and decoded again.
func FuzzEnvelopes(f *testing.F) {
	for kind, value := range map[string]string{
		"datetime": "2024-01-02T03:04:05.678901+05:30", "date": "2024-01-02", "time": "03:04:05", "decimal": "-1E+3",
		"uuid": "12345678123456781234567812345678", "bytes": "é", "base64": "/w==", "odd": "x",
	} {
		f.Add(kind, value)
	}
	f.Add("date", "0000-10-10")
	f.Fuzz(func(t *testing.T, kind, value string) {
		object := map[string]any{"__type__": kind, "__value__": value}
		if kind == "uuid" {
			object["__value__"] = map[string]any{"hex": value}
		}
		data, err := codec.JSON.Encode(object)
		if err != nil {
			return
		}
		var v any
		if err := codec.JSON.Decode(data, &v); err != nil {
			t.Fatalf("%s: %v", data, err)
		}
		comesBack(t, codec.TypedJSON, v)
	})
}

// comesBack checks that v is the same after it was encoded and decoded.
func comesBack(t *testing.T, c codec.Codec, v any) {
	t.Helper()
	data, err := c.Encode(v)
	if err != nil {
		if c != msgpack.Codec { // it has no larger integers and no lone surrogates
			t.Errorf("%#v: %v", v, err)
		}
		return
	}
	var again any
	if err := c.Decode(data, &again); err != nil {
		t.Fatalf("%#v: %v", v, err)
	}
	twice, err := c.Encode(again)
	if err != nil || !bytes.Equal(data, twice) {
		t.Errorf("%#v: got %q, %v, want %q", v, twice, err, data)
	}
}

// splitsAs checks that the parts of data are those of v.
func splitsAs(t *testing.T, c codec.Splitter, data []byte, v any) {
	t.Helper()
	same := func(part []byte, want any) {
		var got any
		err := c.Decode(part, &got)
		a, _ := c.Encode(got)
		b, _ := c.Encode(want)
		if err != nil || !bytes.Equal(a, b) {
			t.Errorf("%q: got %#v, %v, want %#v", part, got, err, want)
		}
	}
	switch v := v.(type) {
	case []any:
		list, err := c.List(data)
		if err != nil || len(list) != len(v) {
			t.Fatalf("%q: got %q, %v, want %d elements", data, list, err, len(v))
		}
		for i, part := range list {
			same(part, v[i])
		}
	case map[string]any:
		object, err := c.Map(data)
		if err != nil || len(object) != len(v) {
			t.Fatalf("%q: got %v, %v, want %d members", data, object, err, len(v))
		}
		for _, m := range object {
			same(m.Value, v[m.Name])
		}
	case string:
		if strings.HasPrefix(string(c.Kind(data)), "an") {
			break // of an envelope
		}
		if c.Kind(data) != codec.KindString {
			t.Errorf("%q: got %s, want a string", data, c.Kind(data))
		}
	}
}
