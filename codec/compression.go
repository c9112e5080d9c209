package codec

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/klauspost/compress/zlib"
)

// Zlib is what the header compression of a deflated body says. kombu's name promises gzip; the bytes are zlib's
// (RFC 1950): see docs/wire/nameko.md, Compression.
const Zlib = "application/x-gzip"

// Deflate returns body compressed, for a message with the header compression: [Zlib].
func Deflate(body []byte) []byte {
	var out bytes.Buffer
	w := zlib.NewWriter(&out)
	_, err := w.Write(body)
	if err = errors.Join(err, w.Close()); err != nil {
		panic(err) // a buffer takes everything
	}
	return out.Bytes()
}

// Inflate returns body as it was before it was compressed, if the header compression is "" or one of kombu's names for
// zlib; other methods are an error. So is a body that would
// become larger than limit, which it does not.
func Inflate(compression string, body []byte, limit int) ([]byte, error) {
	if compression == "" {
		return body, nil
	}
	if !slices.Contains([]string{Zlib, "gzip", "zlib"}, compression) {
		return nil, fmt.Errorf("compression %q is not supported: send zlib, or the body as it is", compression)
	}
	r, err := zlib.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("body is not zlib: %w", err)
	}
	inflated, err := io.ReadAll(io.LimitReader(r, int64(limit)+1))
	if err != nil {
		return nil, fmt.Errorf("body is not zlib: %w", err)
	}
	if len(inflated) > limit {
		return nil, fmt.Errorf("body inflates to more than max_message, %d bytes", limit)
	}
	return inflated, nil
}
