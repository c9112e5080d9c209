package codec

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// Most of a large body is text. It is read and written eight bytes at a time.

const (
	lowBits  = 0x0101010101010101 // the lowest bit of each byte of a word
	highBits = lowBits * utf8.RuneSelf
)

// specials marks the bytes of a word that a JSON string has only as escapes, or that end it:
// control characters, quotes and backslashes. The mark of a byte is its highest bit. Marks above
// the lowest one may be wrong.
func specials(word uint64) uint64 {
	control, quote, backslash := word-lowBits*' ', (word^lowBits*'"')-lowBits, (word^lowBits*'\\')-lowBits
	return (control | quote | backslash) &^ word & highBits
}

// plain returns how many bytes of text precede the first special one; it may leave out the last
// seven. high is not 0 if one of them, or of the next seven, is not ASCII.
func plain(text []byte) (n int, high uint64) {
	for ; n+8 <= len(text); n += 8 {
		word := binary.LittleEndian.Uint64(text[n:])
		high |= word & highBits
		if marks := specials(word); marks != 0 {
			return n + bits.TrailingZeros64(marks)/8, high
		}
	}
	return n, high
}

// plainASCII returns how many bytes of text precede the first one that is special or not ASCII; it
// may leave out the last seven.
func plainASCII(text string) (n int) {
	for ; n+8 <= len(text); n += 8 {
		word := wordOf(text[n : n+8])
		if marks := specials(word) | word&highBits; marks != 0 {
			return n + bits.TrailingZeros64(marks)/8
		}
	}
	return n
}

// wordOf is binary.LittleEndian.Uint64 of a string.
func wordOf(s string) uint64 {
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}
