package transport

import (
	"encoding/binary"
	"io"
	"slices"
)

// What amqp091-go cannot say and read, and the frames make good:
//
//   - It leaves out an empty headers table and priority 0, which Nameko sends with every message.
//   - It loses the connection over headers that RabbitMQ passes on: 64-bit integers as py-amqp writes them (type L),
//     tables deeper than 32 or longer than 8192. As the message would come again after every redial, one such message
//     would stop a service for ever.

// Frames are type (1 byte), channel (2), size (4), payload, end (1): AMQP 0-9-1 §4.2.3.
const (
	frameMethod = 1 // the type of method frames
	frameHeader = 2 // of content headers
	frameStart  = 7 // bytes before the payload
	frameEnd    = 1 // bytes after it
)

// A content header's payload is class (2), weight (2), body size (8), property flags (2), properties in the order of
// their flags: AMQP 0-9-1 §4.2.6.1.
const (
	flagsAt = 12

	flagContentType     = 1 << 15
	flagContentEncoding = 1 << 14
	flagHeaders         = 1 << 13
	flagDeliveryMode    = 1 << 12
	flagPriority        = 1 << 11
)

// frames is a part of a stream of frames that passes content headers only whole, and mended.
type frames struct {
	mend func(payload []byte) []byte
	hear func(method []byte) // gets the methods of channel 0; nil: nobody does
	buf  []byte
	next int  // where in buf the first frame starts that was not looked at; it may be behind the end
	raw  bool // this is no stream of frames: pass everything
}

// append adds p and mends the content headers that are complete.
func (f *frames) append(p []byte) {
	f.buf = append(f.buf, p...)
	f.scan()
}

// fill reads once from r.
func (f *frames) fill(r io.Reader) error {
	f.buf = slices.Grow(f.buf, 4<<10)
	n, err := r.Read(f.buf[len(f.buf):cap(f.buf)])
	f.buf = f.buf[:len(f.buf)+n]
	f.scan()
	if n > 0 {
		return nil
	}
	return err
}

// read moves to p what may pass.
func (f *frames) read(p []byte) int {
	n := copy(p, f.buf[:f.ready()])
	f.drop(n)
	return n
}

// take returns what may pass, and goes on with the space of spare.
func (f *frames) take(spare []byte) []byte {
	if cap(spare) > 4*sendBuffer { // one large message must not be remembered for ever
		spare = nil
	}
	n := f.ready()
	taken := f.buf[:n]
	f.buf = append(spare[:0], f.buf[n:]...)
	f.next -= n
	return taken
}

func (f *frames) drop(n int) {
	f.buf = append(f.buf[:0], f.buf[n:]...)
	f.next -= n
}

// ready counts the bytes that may pass: frames that were looked at, and not the start of one that was not.
func (f *frames) ready() int {
	if f.raw {
		return len(f.buf)
	}
	return min(f.next, len(f.buf))
}

func (f *frames) scan() {
	for !f.raw && f.next+frameStart <= len(f.buf) {
		frame := f.buf[f.next:]
		size := length(frame[3:])
		switch kind := frame[0]; {
		case kind == 'A': // "AMQP" and four bytes of version, before the first frame
			f.next += 8
			continue
		case kind != frameHeader && kind != frameMethod && kind != 3 && kind != 8, kind == frameHeader && size > 1<<20:
			f.raw = true // amqp091-go will refuse it
			return
		case kind == frameMethod && f.hear != nil && frame[1] == 0 && frame[2] == 0 && size < 1<<16:
			if len(frame) < frameStart+size+frameEnd {
				return
			}
			f.hear(frame[frameStart : frameStart+size])
			fallthrough
		case kind != frameHeader:
			f.next += frameStart + size + frameEnd
			continue
		}
		if len(frame) < frameStart+size+frameEnd {
			return
		}
		mended := f.mend(frame[frameStart : frameStart+size])
		binary.BigEndian.PutUint32(frame[3:], uint32(len(mended)))
		from := f.next + frameStart
		f.buf = slices.Replace(f.buf, from, from+size, mended...)
		f.next = from + len(mended) + frameEnd
	}
}

// completeSent adds an empty table of headers and priority 0 where there are none.
func completeSent(payload []byte) []byte {
	if len(payload) < flagsAt+2 {
		return payload
	}
	flags := binary.BigEndian.Uint16(payload[flagsAt:])
	if flags&flagHeaders != 0 && flags&flagPriority != 0 {
		return payload
	}
	at := headersAt(payload, flags)
	mended := append(make([]byte, 0, len(payload)+5), payload[:at]...)
	end := at
	if flags&flagHeaders != 0 {
		end += 4 + length(payload[at:])
		mended = append(mended, payload[at:end]...)
	} else {
		mended = append(mended, 0, 0, 0, 0)
	}
	if flags&flagDeliveryMode != 0 {
		mended = append(mended, payload[end])
		end++
	}
	if flags&flagPriority == 0 {
		mended = append(mended, 0)
	}
	binary.BigEndian.PutUint16(mended[flagsAt:], flags|flagHeaders|flagPriority)
	return append(mended, payload[end:]...)
}

// mendReceived makes headers readable for amqp091-go, and drops those that cannot be.
func mendReceived(payload []byte) []byte {
	if len(payload) < flagsAt+2 {
		return payload
	}
	flags := binary.BigEndian.Uint16(payload[flagsAt:])
	at := headersAt(payload, flags)
	if flags&flagHeaders == 0 || len(payload) < at+4 {
		return payload
	}
	size := length(payload[at:])
	if len(payload) < at+4+size || mendTable(payload[at+4:at+4+size], true, 0) {
		return payload
	}
	mended := append(make([]byte, 0, len(payload)-size), payload[:at]...)
	mended = append(mended, 0, 0, 0, 0)
	return append(mended, payload[at+4+size:]...)
}

// headersAt returns where the headers stand, or would.
func headersAt(payload []byte, flags uint16) int {
	at := flagsAt + 2
	for _, flag := range []uint16{flagContentType, flagContentEncoding} {
		if flags&flag != 0 && at < len(payload) {
			at += 1 + int(payload[at])
		}
	}
	return at
}

// mendTable rewrites integers of type L, which are l to amqp091-go, and reports whether it can read the table, or the
// array, whose elements have no names.
func mendTable(b []byte, named bool, depth int) bool {
	for n := 0; len(b) > 0; n++ {
		if named {
			name := 1 + int(b[0])
			if len(b) < name {
				return false
			}
			b = b[name:]
		}
		if len(b) == 0 || n == 8192 {
			return false
		}
		size := 0
		switch b[0] {
		case 'V':
		case 't', 'b', 'B':
			size = 1
		case 's', 'u':
			size = 2
		case 'I', 'i', 'f':
			size = 4
		case 'D':
			size = 5
		case 'L':
			b[0] = 'l'
			size = 8
		case 'l', 'd', 'T':
			size = 8
		case 'S', 'x', 'A', 'F':
			if len(b) < 5 {
				return false
			}
			size = 4 + length(b[1:])
		default:
			return false
		}
		if len(b) < 1+size {
			return false
		}
		if nested := b[0] == 'A' || b[0] == 'F'; nested && (depth == 31 || !mendTable(b[5:1+size], b[0] == 'F', depth+1)) {
			return false
		}
		b = b[1+size:]
	}
	return true
}

// length reads a length of four bytes. What is over 1 GiB is nothing that could be there, wherever int has 32 bits.
func length(b []byte) int { return int(min(binary.BigEndian.Uint32(b), 1<<30)) }
