package frame

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
)

// ProtocolHeader is the first thing that a client sends. A server that receives any other header
// answers with this one and closes the connection.
const ProtocolHeader = "AMQP\x00\x00\x09\x01"

// A Type is the type of a frame's payload.
type Type uint8

// Frame types of AMQP 0-9-1.
const (
	TypeMethod    Type = 1
	TypeHeader    Type = 2
	TypeBody      Type = 3
	TypeHeartbeat Type = 8
)

// MinSize is the frame size that every peer must accept. It is the limit until another one is
// negotiated.
const MinSize = 4096

// Overhead is the size of the envelope of a frame: type, channel, size, end.
const Overhead = 8

const end = 0xCE

// Reply codes of an [Error].
const (
	FrameError     = 501
	SyntaxError    = 502
	NotImplemented = 540
)

// An Error is a violation of the wire format by the peer. It ends the connection.
type Error struct {
	Code uint16 // FrameError, SyntaxError or NotImplemented
	Text string
}

// Error returns the text without the code.
func (e *Error) Error() string { return e.Text }

func syntaxError(format string, args ...any) error {
	return &Error{Code: SyntaxError, Text: fmt.Sprintf(format, args...)}
}

// A Frame is one frame of the stream.
type Frame struct {
	Type    Type
	Channel uint16
	Payload []byte // only valid until the next call of Reader.Next
}

// A Reader splits a stream into frames. It is not safe for concurrent use.
type Reader struct {
	src     *bufio.Reader
	max     uint32 // largest payload
	head    [7]byte
	payload []byte
	codec   codec
	methods map[ID]Method // one of each, reused for decoding
}

// NewReader returns a Reader of frames up to [MinSize]; see [Reader.SetMaxSize].
func NewReader(src io.Reader) *Reader {
	return &Reader{
		src:     bufio.NewReaderSize(src, 32<<10),
		max:     MinSize - Overhead,
		codec:   codec{decoding: true, names: make(map[string]string)},
		methods: make(map[ID]Method),
	}
}

// SetMaxSize sets the size of the largest accepted frame in bytes, including its envelope.
func (r *Reader) SetMaxSize(size uint32) { r.max = size - Overhead }

// Protocol reads the first 8 bytes of a client, and reports whether they are [ProtocolHeader].
func (r *Reader) Protocol() (bool, error) {
	var header [len(ProtocolHeader)]byte
	_, err := io.ReadFull(r.src, header[:])
	return string(header[:]) == ProtocolHeader, err
}

// Next returns the next frame. If a frame is too large or its end is wrong, the error is an
// [*Error]; other errors are those of the stream. It returns io.EOF only between two frames.
func (r *Reader) Next() (Frame, error) {
	head := &r.head
	if _, err := io.ReadFull(r.src, head[:]); err != nil {
		return Frame{}, err
	}
	f := Frame{Type: Type(head[0]), Channel: binary.BigEndian.Uint16(head[1:])}
	size := binary.BigEndian.Uint32(head[3:])
	if size > r.max {
		return Frame{}, &Error{FrameError, fmt.Sprintf("type %d, all octets = <<>>: {frame_too_large,%d,%d}", f.Type, size, r.max)}
	}
	if cap(r.payload) < int(size)+1 {
		r.payload = make([]byte, size+1)
	}
	payload := r.payload[:size+1]
	if _, err := io.ReadFull(r.src, payload); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return Frame{}, err
	}
	f.Payload = payload[:size]
	fault := ""
	switch {
	case payload[size] != end:
		fault = fmt.Sprintf("{invalid_frame_end_marker,%d}", payload[size])
	case f.Type != TypeMethod && f.Type != TypeHeader && f.Type != TypeBody && f.Type != TypeHeartbeat:
		fault = "unknown_frame"
	default:
		return f, nil
	}
	return Frame{}, &Error{FrameError, fmt.Sprintf("type %d, all octets = <<>>: %s", f.Type, fault)}
}

// Method decodes the payload of a method frame. The method is valid until the next call; its
// strings and tables stay valid. The error is an [*Error] with code NotImplemented for an unknown
// method, and with code SyntaxError for a malformed one.
func (r *Reader) Method(payload []byte) (Method, error) {
	c := &r.codec
	c.buf, c.err = payload, nil
	var id uint32
	c.long(&id)
	if c.err != nil {
		return nil, c.err
	}
	m := r.methods[ID(id)]
	if m == nil {
		if m = newMethod(ID(id)); m == nil {
			return nil, &Error{NotImplemented, fmt.Sprintf("unknown method %v", ID(id))}
		}
		r.methods[ID(id)] = m
	}
	m.fields(c)
	return m, c.err
}

// A Header announces the content that follows a method.
type Header struct {
	Class      uint16
	Size       uint64     // of the body, in bytes
	Properties Properties // only valid until the next call of Reader.Next
}

// Header decodes the payload of a content header, and checks its properties.
func (r *Reader) Header(payload []byte) (Header, error) {
	c := &r.codec
	c.buf, c.err = payload, nil
	var h Header
	var weight uint16
	c.short(&h.Class)
	c.short(&weight)
	c.longlong(&h.Size)
	h.Properties = Properties(c.buf)
	if c.err == nil {
		c.err = h.Properties.Check()
	}
	return h, c.err
}

// A Buffer collects encoded frames. Its zero value is an empty buffer, ready to use.
type Buffer struct {
	codec codec
}

// Bytes returns the collected bytes, valid until the next call.
func (b *Buffer) Bytes() []byte { return b.codec.buf }

// Len returns the number of collected bytes.
func (b *Buffer) Len() int { return len(b.codec.buf) }

// Reset empties the buffer. The buffer uses the array of memory from then on.
func (b *Buffer) Reset(memory []byte) { b.codec.buf = memory[:0] }

// Method adds a method frame. Short strings are truncated to 255 bytes.
func (b *Buffer) Method(channel uint16, m Method) {
	start := b.begin(TypeMethod, channel)
	id := uint32(m.ID())
	b.codec.long(&id)
	m.fields(&b.codec)
	b.finish(start)
}

// Content adds a content header and its body, in frames of at most maxSize bytes including their
// envelopes.
func (b *Buffer) Content(channel, class uint16, p Properties, body []byte, maxSize uint32) {
	b.ContentHeader(channel, class, p, len(body))
	b.Body(channel, body, maxSize)
}

// ContentHeader adds the header of a content whose body has size bytes.
func (b *Buffer) ContentHeader(channel, class uint16, p Properties, size int) {
	start := b.begin(TypeHeader, channel)
	buf := binary.BigEndian.AppendUint16(b.codec.buf, class)
	buf = append(buf, 0, 0) // weight
	buf = binary.BigEndian.AppendUint64(buf, uint64(size))
	b.codec.buf = append(buf, p...)
	b.finish(start)
}

// Body adds a body, in frames of at most maxSize bytes including their envelopes.
func (b *Buffer) Body(channel uint16, body []byte, maxSize uint32) {
	for len(body) > 0 {
		n := min(len(body), int(maxSize-Overhead))
		start := b.begin(TypeBody, channel)
		b.codec.buf = append(b.codec.buf, body[:n]...)
		b.finish(start)
		body = body[n:]
	}
}

// Heartbeat adds a heartbeat frame.
func (b *Buffer) Heartbeat() { b.finish(b.begin(TypeHeartbeat, 0)) }

// ProtocolHeader adds the header that begins a connection, or refuses it.
func (b *Buffer) ProtocolHeader() { b.codec.buf = append(b.codec.buf, ProtocolHeader...) }

// begin starts a frame and returns its position. finish fills in the size.
func (b *Buffer) begin(t Type, channel uint16) int {
	start := len(b.codec.buf)
	b.codec.buf = append(b.codec.buf, byte(t), byte(channel>>8), byte(channel), 0, 0, 0, 0)
	return start
}

func (b *Buffer) finish(start int) {
	size := len(b.codec.buf) - start - 7
	binary.BigEndian.PutUint32(b.codec.buf[start+3:], uint32(size))
	b.codec.buf = append(b.codec.buf, end)
}
