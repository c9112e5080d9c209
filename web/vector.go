package web

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"strings"
)

// An origin identifies a hub that sends events, from the start of its process to the end.
type origin [8]byte

// A vector is how far a client has heard one bucket: the sequence of the last message of each
// origin.
type vector map[origin]uint64

// A position is how far a client has heard each of the buckets of its channels. Encoded, it is the
// id of an event.
type position map[uint16]heard

// A heard is how far a client has heard a bucket.
type heard struct {
	vector

	// ahead is the hub that has sent the client its own messages before others that were published
	// earlier, so that its latest one proves nothing of those. Zero if there is none.
	ahead origin
}

// isAhead marks the number of a bucket in a position that has heard.ahead.
const isAhead = 1 << 15

const (
	// maxPosition is the largest encoded position. Browsers return it in a header, and proxies
	// limit those.
	maxPosition = 4 << 10

	// noPosition is the id in place of one that is larger: a client that returns with it gets a
	// reset.
	noPosition = "-"

	positionVersion = 1
)

var errPosition = errors.New("not an id of an event")

// encode returns how far a bucket was heard, as a part of a position.
func (h heard) encode(bucket uint16) []byte {
	v := h.vector
	var text []byte
	if h.ahead == (origin{}) {
		text = binary.BigEndian.AppendUint16(text, bucket)
	} else {
		text = append(binary.BigEndian.AppendUint16(text, bucket|isAhead), h.ahead[:]...)
	}
	text = binary.AppendUvarint(text, uint64(len(v)))
	for _, o := range slices.SortedFunc(maps.Keys(v), func(a, b origin) int { return slices.Compare(a[:], b[:]) }) {
		text = append(text, o[:]...)
		text = binary.AppendUvarint(text, v[o])
	}
	return text
}

// encodePosition returns the position that has the parts.
func encodePosition(parts ...[]byte) string {
	size := 1
	for _, part := range parts {
		size += len(part)
	}
	if base64.RawURLEncoding.EncodedLen(size) > maxPosition {
		return noPosition
	}
	text := make([]byte, 1, size)
	text[0] = positionVersion
	for _, part := range parts {
		text = append(text, part...)
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// parsePosition parses what a client has sent.
func parsePosition(id string) (position, error) {
	if len(id) > maxPosition {
		return nil, errPosition
	}
	text, err := base64.RawURLEncoding.DecodeString(strings.TrimSpace(id))
	if err != nil || len(text) == 0 || text[0] != positionVersion {
		return nil, errPosition
	}
	text = text[1:]
	p := position{}
	for len(text) > 0 {
		if len(text) < 2 {
			return nil, errPosition
		}
		bucket := binary.BigEndian.Uint16(text)
		text = text[2:]
		var ahead origin
		if bucket&isAhead != 0 {
			if len(text) < len(ahead) {
				return nil, errPosition
			}
			bucket, ahead = bucket&^isAhead, origin(text[:len(ahead)])
			text = text[len(ahead):]
		}
		n, size := binary.Uvarint(text)
		if size <= 0 || n > uint64(len(text)) || p[bucket].vector != nil {
			return nil, errPosition
		}
		text = text[size:]
		v := make(vector, n)
		for range n {
			if len(text) < len(origin{}) {
				return nil, errPosition
			}
			o := origin(text[:len(origin{})])
			seq, size := binary.Uvarint(text[len(o):])
			if size <= 0 {
				return nil, errPosition
			}
			v[o] = seq
			text = text[len(o)+size:]
		}
		p[bucket] = heard{v, ahead}
	}
	return p, nil
}
