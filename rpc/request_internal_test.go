package rpc

import (
	"errors"
	"math"
	"testing"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/codec/msgpack"
	"github.com/gomeko/gomeko/signature"
	"github.com/gomeko/gomeko/transport"
)

// FuzzRequest looks for a body that results in neither arguments nor an error for its sender.
func FuzzRequest(f *testing.F) {
	for _, body := range []string{
		`{"args": [1, "two"], "kwargs": {"k": 3}}`, `{"args": "ab", "kwargs": {}}`, `{"args": {"k": 1}, "kwargs": []}`, `[]`, ``, `null`,
		`{"args": [NaN], "kwargs": {"a": 1, "a": {"__type__": "date", "__value__": "2024-01-02"}}}`, `{"args": [1,], "kwargs": {}}`,
	} {
		f.Add([]byte(body), "application/json", "")
	}
	packed, err := msgpack.Codec.Encode(newRequestBody([]any{1, []byte("x")}, Kwargs{"k", nil}))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(packed, "application/x-msgpack", "")
	f.Add([]byte("\x82\xa4args\xc4\x02ab\xa6kwargs\x81\x01\x02"), "application/x-msgpack", "")
	f.Add(codec.Deflate(packed), "application/x-msgpack", "gzip")
	f.Add([]byte("x"), "application/x-python-serialize", "zlib")
	f.Fuzz(func(t *testing.T, body []byte, contentType, compression string) {
		d := &transport.Delivery{Body: body}
		d.ContentType, d.Headers = contentType, transport.Table{"compression": compression}
		a := new(arguments)
		a.Reset(t.Context(), 1<<20)
		defer a.Close()
		args, err := a.read(d, transport.Config{}.Accepts(), 1<<16, math.MaxInt)
		if err != nil {
			var told *Error
			if !errors.As(err, &told) {
				t.Fatalf("got %v, want an *Error", err)
			}
			c := replyCodec(d, transport.Config{}.Accepts())
			reply, _ := encodeReply(c, nil, err)
			if c = (transport.Config{}.Accepts().Of(c.ContentType())); c == nil {
				return // pickle or YAML
			}
			r := &Reply{delivery: &transport.Delivery{Body: reply}, codec: c, decoded: 1 << 20}
			if err := r.decode(t.Context(), nil); !errors.As(err, &told) {
				t.Errorf("got %v of the reply %q", err, reply)
			}
			return
		}
		for _, v := range args.Positional {
			decodes(t, v)
		}
		for _, named := range args.Keyword {
			decodes(t, named.Value)
		}
	})
}

func decodes(t *testing.T, v signature.Value) {
	t.Helper()
	var got any
	if err := v.Decode(&got); err != nil {
		t.Errorf("got %v of an argument", err)
	}
}
