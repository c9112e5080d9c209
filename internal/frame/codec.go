package frame

import (
	"encoding/binary"
	"math"
)

// A codec goes through the fields of a method, and either appends them to buf or reads them from
// it. This way each method lists its fields only once. It keeps the first error.
type codec struct {
	buf      []byte
	decoding bool
	err      error
	names    map[string]string // short strings that were read earlier
	cached   int               // number of bytes in names
}

// maxNames limits the memory of the short strings that a reader caches. Names of exchanges, keys
// and tags repeat all the time. A peer that keeps inventing new ones only empties the cache.
const (
	maxNames   = 64 << 10
	nameMemory = 64 // roughly what a name takes in addition to its bytes
)

// next removes n bytes from the front.
func (c *codec) next(n int) []byte {
	if c.err != nil {
		return nil
	}
	if n < 0 || n > len(c.buf) {
		c.err = syntaxError("a field of %d bytes in a frame with %d bytes left", n, len(c.buf))
		return nil
	}
	b := c.buf[:n]
	c.buf = c.buf[n:]
	return b
}

func (c *codec) octet(v *uint8) {
	if !c.decoding {
		c.buf = append(c.buf, *v)
	} else if b := c.next(1); b != nil {
		*v = b[0]
	}
}

func (c *codec) short(v *uint16) {
	if !c.decoding {
		c.buf = binary.BigEndian.AppendUint16(c.buf, *v)
	} else if b := c.next(2); b != nil {
		*v = binary.BigEndian.Uint16(b)
	}
}

func (c *codec) long(v *uint32) {
	if !c.decoding {
		c.buf = binary.BigEndian.AppendUint32(c.buf, *v)
	} else if b := c.next(4); b != nil {
		*v = binary.BigEndian.Uint32(b)
	}
}

func (c *codec) longlong(v *uint64) {
	if !c.decoding {
		c.buf = binary.BigEndian.AppendUint64(c.buf, *v)
	} else if b := c.next(8); b != nil {
		*v = binary.BigEndian.Uint64(b)
	}
}

// reserved is the obsolete short "ticket" of AMQP 0-8.
func (c *codec) reserved() {
	var ticket uint16
	c.short(&ticket)
}

func (c *codec) shortstr(v *string) {
	if !c.decoding {
		s := (*v)[:min(len(*v), math.MaxUint8)]
		c.buf = append(append(c.buf, byte(len(s))), s...)
		return
	}
	var n uint8
	c.octet(&n)
	*v = c.name(c.next(int(n)))
}

// name returns b as a string, from the cache if it is in there.
func (c *codec) name(b []byte) string {
	s, ok := c.names[string(b)]
	if !ok {
		s = string(b)
		if c.cached += len(s) + nameMemory; c.cached > maxNames {
			c.names, c.cached = make(map[string]string), len(s)+nameMemory
		}
		c.names[s] = s
	}
	return s
}

func (c *codec) longstr(v *string) {
	if !c.decoding {
		c.buf = binary.BigEndian.AppendUint32(c.buf, uint32(len(*v)))
		c.buf = append(c.buf, *v...)
		return
	}
	var n uint32
	c.long(&n)
	*v = string(c.next(int(n)))
}

// bits are up to eight flags in one octet, the first in the lowest bit.
func (c *codec) bits(flags ...*bool) {
	var octet uint8
	for i, v := range flags {
		if !c.decoding && *v {
			octet |= 1 << i
		}
	}
	c.octet(&octet)
	for i, v := range flags {
		if c.decoding {
			*v = octet&(1<<i) != 0
		}
	}
}

func (c *codec) table(v *Table) {
	if !c.decoding {
		c.buf = v.Append(c.buf)
		return
	}
	var n uint32
	c.long(&n)
	fields, err := decodeTable(c.next(int(n)), 0)
	*v = fields
	if c.err == nil {
		c.err = err
	}
}
