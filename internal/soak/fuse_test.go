package soak_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"sync/atomic"
)

// fuseVariable contains the step at which a process kills itself with SIGKILL, and how often it
// takes that step before: "published 100".
const fuseVariable = "GOMEKO_SOAK_FUSE"

// Steps at which a process ends: it has written a publishing, read a confirm, or written an
// acknowledgement. Either side may not know yet that it has happened.
const (
	published    = "published"
	confirmed    = "confirmed"
	acknowledged = "acknowledged"
)

// steps are the watched methods of AMQP's class basic, and whether the process sends them.
var steps = map[string]struct {
	method uint16
	sent   bool
}{
	published:    {40, true},
	confirmed:    {80, false},
	acknowledged: {80, true},
}

// A fuse ends the process at a step.
type fuse struct {
	dial   func(ctx context.Context, addr string) (net.Conn, error)
	method uint16
	sent   bool
	left   atomic.Int64
}

// newFuse returns a fuse for the value of the variable, or nil if that is "".
func newFuse(text string, dial func(ctx context.Context, addr string) (net.Conn, error)) *fuse {
	var step string
	var left int64
	if _, err := fmt.Sscan(text, &step, &left); err != nil {
		return nil
	}
	f := &fuse{dial: dial, method: steps[step].method, sent: steps[step].sent}
	f.left.Store(left)
	return f
}

// Dial can be used as transport.Config.Dial.
func (f *fuse) Dial(ctx context.Context, addr string) (net.Conn, error) {
	conn, err := f.dial(ctx, addr)
	if err != nil {
		return nil, err
	}
	return &fused{Conn: conn, fuse: f, sent: scanner{skip: len("AMQP0091")}}, nil
}

// burn counts a method of class basic.
func (f *fuse) burn(method uint16, sent bool) {
	if method == f.method && sent == f.sent && f.left.Add(-1) == 0 {
		if err := endProcess(); err != nil {
			panic(err)
		}
		select {} // wait for the signal
	}
}

// A fused is a connection whose frames are counted.
type fused struct {
	net.Conn
	fuse           *fuse
	sent, received scanner
}

// Write writes and counts the frames.
func (c *fused) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.sent.scan(p[:n], func(method uint16) { c.fuse.burn(method, true) })
	return n, err
}

// Read reads and counts the frames.
func (c *fused) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.received.scan(p[:n], func(method uint16) { c.fuse.burn(method, false) })
	return n, err
}

// A scanner finds the methods of class basic in one direction of a connection.
type scanner struct {
	skip int    // bytes to skip
	head []byte // the part of a frame's head that has arrived
}

func (s *scanner) scan(p []byte, found func(method uint16)) {
	const envelope, id = 7, 4
	for len(p) > 0 {
		if s.skip > 0 {
			n := min(s.skip, len(p))
			s.skip, p = s.skip-n, p[n:]
			continue
		}
		want := envelope
		if len(s.head) >= envelope {
			want += id
		}
		n := min(want-len(s.head), len(p))
		s.head, p = append(s.head, p[:n]...), p[n:]
		if len(s.head) < want {
			return
		}
		isMethod, size := s.head[0] == 1, int(binary.BigEndian.Uint32(s.head[3:]))
		switch {
		case isMethod && len(s.head) == envelope:
			continue
		case isMethod:
			if binary.BigEndian.Uint16(s.head[envelope:]) == 60 {
				found(binary.BigEndian.Uint16(s.head[envelope+2:]))
			}
			size -= id
		}
		s.skip, s.head = size+1, s.head[:0]
	}
}
