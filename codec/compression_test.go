package codec_test

import (
	"bytes"
	"encoding/base64"
	"runtime"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/codec"
)

func TestInflate(t *testing.T) {
	const limit = 1000
	captured, _ := base64.StdEncoding.DecodeString("eJyrVkosSi9Wsoo2jNVRyi6HcKprawFi3wg+") // by Python's zlib
	bomb := codec.Deflate(make([]byte, 64<<20))
	whole := codec.Deflate(bytes.Repeat([]byte("x"), limit))
	for _, test := range []struct {
		name  string
		body  []byte
		want  string // the decompressed body, or the error
		fails bool
	}{
		{"", []byte("as it is"), "as it is", false},
		{codec.Zlib, captured, `{"args":[1],"kwargs":{}}`, false},
		{"gzip", captured, `{"args":[1],"kwargs":{}}`, false},
		{"zlib", whole, strings.Repeat("x", limit), false},
		{"zlib", whole[:len(whole)-1], "body is not zlib: unexpected EOF", true},
		{"zlib", []byte("text"), "body is not zlib: zlib: invalid header", true},
		{"zlib", nil, "body is not zlib: unexpected EOF", true},
		{"zlib", bomb, "decompressed body is over max_message, 1000 bytes", true},
		{"application/x-bz2", captured, `compression "application/x-bz2" is not supported: send zlib, or do not compress`, true},
		{"lzma", captured, `compression "lzma" is not supported: send zlib, or do not compress`, true},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		got, err := codec.Inflate(test.name, test.body, limit)
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
			t.Errorf("%s %.20q: got %d bytes allocated, want few", test.name, test.body, n)
		}
		if test.fails && (err == nil || err.Error() != test.want) || !test.fails && (err != nil || string(got) != test.want) {
			t.Errorf("%s %.20q: got %.100q, %v, want %s", test.name, test.body, got, err, test.want)
		}
	}
}
