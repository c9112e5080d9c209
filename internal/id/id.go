// Package id makes ids of what there is one of a call: its own, its request's. It is uuid.NewString in one allocation,
// with what goes ahead of it.
package id

import (
	"crypto/rand"
	"encoding/hex"
)

// New returns prefix and the text of a random UUID, of version 4.
func New(prefix string) string {
	var u [16]byte
	_, _ = rand.Read(u[:]) // it never fails
	u[6] = u[6]&0x0f | 0x40
	u[8] = u[8]&0x3f | 0x80

	var space [128]byte // of most ids, enough
	text := append(space[:0], prefix...)
	for i, part := range [][]byte{u[:4], u[4:6], u[6:8], u[8:10], u[10:]} {
		if i > 0 {
			text = append(text, '-')
		}
		text = hex.AppendEncode(text, part)
	}
	return string(text)
}
