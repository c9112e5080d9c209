package web

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"strings"
)

// An origin identifies a hub that sends events, for the lifetime of its process.
type origin [8]byte

// A vector says which messages of a bucket a client has received: the sequence of the last one of
// each origin.
type vector map[origin]uint64

// A position says what a client has received in each bucket of its channels. Its encoding is the id
// of an event.
type position map[uint16]heard

// A heard says what a client has received in one bucket.
type heard struct {
	vector

	// ahead is the hub that sent its own messages to the client before other messages that had been
	// published earlier. Its latest message therefore proves nothing about those. It is zero if
	// there is no such hub.
	ahead origin
}

// isAhead is a flag in the number of a bucket: its position contains heard.ahead.
const isAhead = 1 << 15

const (
	// maxPosition is the size of the largest encoded position. Browsers return it in a header,
	// whose size proxies limit.
	maxPosition = 4 << 10

	// noPosition is the id that replaces one that is larger. A client that returns with it gets a
	// reset.
	noPosition = "-"

	positionVersion = 1
)

var errPosition = errors.New("not an id of an event")

// encode encodes h as a part of a position.
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

// encodePosition returns the position that consists of the parts.
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

// parsePosition parses an id that a client sent.
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
