package codec_test

import (
	"errors"
	"testing"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/codec/msgpack"
)

func TestSetOf(t *testing.T) {
	t.Parallel()
	set := codec.Set{codec.TypedJSON, msgpack.Codec}
	for contentType, want := range map[string]codec.Codec{
		"":                                     codec.TypedJSON,
		"application/json":                     codec.TypedJSON,
		"application/json; charset=utf-8":      codec.TypedJSON,
		"APPLICATION/JSON;CHARSET=\"Utf-8\"":   codec.TypedJSON,
		"application/json;charset=us-ascii":    codec.TypedJSON,
		"application/json; version=2":          codec.TypedJSON,
		"application/json;":                    codec.TypedJSON,
		"application/json; charset=iso-8859-1": nil,
		"application/json; charset":            nil,
		"application/x-msgpack":                msgpack.Codec,
		"Application/X-Msgpack; charset=x":     msgpack.Codec,
		"application/jsonp":                    nil,
		"json":                                 nil,
		"text/plain; charset=utf-8":            nil,
	} {
		if got := set.Of(contentType); got != want {
			t.Errorf("%q: got %v, want %v", contentType, got, want)
		}
	}
	if got := (codec.Set{}).Of(""); got != nil {
		t.Errorf("got %v from an empty set, want nil", got)
	}
}

func TestSetOpen(t *testing.T) {
	t.Parallel()
	const limit = 100
	set := codec.Set{codec.JSON, msgpack.Codec}
	for _, test := range []struct {
		body codec.Body
		want string // the data, or the error
	}{
		{codec.Body{Data: []byte(`1`)}, `1`},
		{codec.Body{ContentType: "application/json; charset=utf-8", ContentEncoding: "UTF-8", Data: []byte(`1`)}, `1`},
		{codec.Body{Headers: map[string]any{"compression": codec.Zlib}, Data: codec.Deflate([]byte(`[1, 2]`))}, `[1, 2]`},
		{codec.Body{ContentType: "text/plain"}, `content_type "text/plain" is not accepted: send application/json or application/x-msgpack`},
		{codec.Body{ContentType: "application/json; charset=utf-16"},
			`content_type "application/json; charset=utf-16" is not accepted: send application/json in UTF-8`},
		{codec.Body{ContentEncoding: "utf-16"}, `content_encoding "utf-16" is not accepted: send utf-8`},
		{codec.Body{Headers: map[string]any{"compression": 7}}, `compression "7" is not supported: send zlib, or do not compress`},
		{codec.Body{Data: make([]byte, limit+1)}, `body of 101 bytes is over max_message, 100`},
		{codec.Body{Headers: map[string]any{"compression": "gzip"}, Data: codec.Deflate(make([]byte, 10*limit))},
			`decompressed body is over max_message, 100 bytes`},
	} {
		_, data, err := set.Open(test.body, limit, nil)
		got := string(data)
		if err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%+v: got %s, want %s", test.body, got, test.want)
		}
	}
	_, _, err := set.Open(codec.Body{Data: make([]byte, limit+1)}, limit, nil)
	if large := (*codec.TooLarge)(nil); !errors.As(err, &large) || large.Size != limit+1 {
		t.Errorf("got %v, want a TooLarge", err)
	}
}
