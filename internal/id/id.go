// Package id creates the ids of calls, requests and jobs.
package id

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"time"
)

// New returns prefix followed by a random UUID of version 4. It is like uuid.NewString with a
// prefix, but needs only one allocation.
func New(prefix string) string {
	var u [16]byte
	_, _ = rand.Read(u[:]) // it never fails
	return text(prefix, u, 4)
}

// Ordered returns a UUID of version 7: the time in milliseconds, then 74 random bits. Rows that
// are inserted at about the same time get neighbouring keys, so they change few pages of an index.
// With random keys, nearly every row changes a different page.
func Ordered() string {
	var u [16]byte
	binary.BigEndian.PutUint64(u[:], uint64(time.Now().UnixMilli())<<16)
	_, _ = rand.Read(u[6:])
	return text("", u, 7)
}

// text returns prefix followed by a UUID, whose version and variant it sets.
func text(prefix string, u [16]byte, version byte) string {
	u[6] = u[6]&0x0f | version<<4
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
