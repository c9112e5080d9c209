// Package id creates the ids of calls and requests. It is like uuid.NewString with a prefix, but
// needs only one allocation.
package id

import (
	"crypto/rand"
	"encoding/hex"
)

// New returns prefix followed by a random UUID of version 4.
func New(prefix string) string {
	var u [16]byte
	_, _ = rand.Read(u[:]) // it never fails
	u[6] = u[6]&0x0f | 0x40
	u[8] = u[8]&0x3f | 0x80

	var space [128]byte // large enough for most ids
	text := append(space[:0], prefix...)
	for i, part := range [][]byte{u[:4], u[4:6], u[6:8], u[8:10], u[10:]} {
		if i > 0 {
			text = append(text, '-')
		}
		text = hex.AppendEncode(text, part)
	}
	return string(text)
}
