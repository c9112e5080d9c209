package transport

import (
	"bytes"
	"testing"
)

// FuzzFrames receives streams that no broker sends, whole and byte by byte, and compares the
// results. It is a white-box test, because no broker sends such streams.
func FuzzFrames(f *testing.F) {
	header := "\x02\x00\x01\x00\x00\x00\x1e\x00\x3c\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x20\x00\x00\x00\x00\x0c\x01aL\x01\x02\x03\x04\x05\x06\x07\x08V\xce"
	f.Add([]byte("AMQP\x00\x00\x09\x01" + header + "\x08\x00\x00\x00\x00\x00\x00\xce"))
	f.Add([]byte(header + header[:20]))
	f.Add([]byte("\x01\x00\x01\x00\x00\x00\x02ab\xce\x03\x00\x01\xff\xff\xff\xff"))
	f.Add([]byte("HTTP/1.1 400"))
	f.Fuzz(func(t *testing.T, data []byte) {
		whole, bits := frameBuffer{rewrite: repairReceived}, frameBuffer{rewrite: repairReceived}
		whole.append(bytes.Clone(data))
		want := bytes.Clone(whole.take(nil))
		var got []byte
		buf := make([]byte, 3)
		for _, b := range data {
			bits.append([]byte{b})
			for n := 1; n > 0; {
				n = bits.read(buf)
				got = append(got, buf[:n]...)
			}
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", data, got, want)
		}
	})
}
