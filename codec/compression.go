package codec

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/klauspost/compress/zlib"
)

// Zlib is the value of the header compression of a compressed message. Kombu calls the method gzip,
// but the format is zlib (RFC 1950). See docs/wire/nameko.md, Compression.
const Zlib = "application/x-gzip"

// Deflate compresses body. A message with the result needs the header compression: [Zlib].
func Deflate(body []byte) []byte {
	var out bytes.Buffer
	w := zlib.NewWriter(&out)
	_, err := w.Write(body)
	if err = errors.Join(err, w.Close()); err != nil {
		panic(err) // a Buffer returns no errors
	}
	return out.Bytes()
}

// Inflate decompresses body. compression is the message's header of that name: "" if the body is
// not compressed, or one of kombu's names for zlib. If the result would have more than limit bytes,
// Inflate stops there and returns an error.
func Inflate(compression string, body []byte, limit int) ([]byte, error) {
	return inflate(compression, body, limit, nil)
}

// inflate is Inflate within a budget.
func inflate(compression string, body []byte, limit int, b *Budget) ([]byte, error) {
	if compression == "" {
		return body, nil
	}
	if !slices.Contains([]string{Zlib, "gzip", "zlib"}, compression) {
		return nil, fmt.Errorf("compression %.40q is not supported: send zlib, or do not compress", compression)
	}
	r, err := zlib.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("body is not zlib: %w", err)
	}
	var inflated []byte
	for {
		if room := cap(inflated) - len(inflated); room == 0 {
			more := min(max(2*len(body), len(inflated), 512), limit+1-len(inflated))
			if err := b.Charge(more); err != nil {
				return nil, err
			}
			inflated = append(make([]byte, 0, len(inflated)+more), inflated...)
		}
		n, err := r.Read(inflated[len(inflated):cap(inflated)])
		inflated = inflated[:len(inflated)+n]
		switch {
		case len(inflated) > limit:
			return nil, fmt.Errorf("decompressed body is over max_message, %d bytes", limit)
		case err == io.EOF:
			return inflated, nil
		case err != nil:
			return nil, fmt.Errorf("body is not zlib: %w", err)
		}
	}
}
