package isolate

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// A frame is a message between parent and child. It consists of its kind in one byte, the length of
// the payload in four bytes, and the payload: the length of the head in four bytes, the head in
// JSON, and a body.
type frame struct {
	kind kind
	head []byte
	body []byte
}

// A kind says what a frame is.
type kind byte

const (
	callKind    kind = 'C' // parent to child: run a method
	cancelKind  kind = 'X' // parent to child: cancel its context
	stacksKind  kind = 'S' // parent to child: send your stacks; child to parent: the stacks
	readyKind   kind = 'R' // child to parent: ready for a call
	failedKind  kind = 'F' // child to parent: it cannot start
	logKind     kind = 'L' // child to parent: a log record
	noteKind    kind = 'N' // child to parent: what a method says about its call
	outcomeKind kind = 'O' // child to parent: the method has returned
)

const (
	frameHead = 5       // size of the kind and the length
	maxHead   = 1 << 20 // largest size of a head
)

// A tooLargeError is the error for a frame that exceeds the limit. No part of the frame has been
// written.
type tooLargeError struct{ size, limit int }

func (e *tooLargeError) Error() string {
	return fmt.Sprintf("%d bytes are more than the %d that parent and child exchange at once", e.size, e.limit)
}

// newFrame returns a frame whose head is the JSON of v.
func newFrame(k kind, v any, body []byte) (frame, error) {
	head, err := json.Marshal(v)
	if err == nil && len(head) > maxHead {
		err = &tooLargeError{len(head), maxHead}
	}
	return frame{k, head, body}, err
}

// write writes a frame, whose body may have up to limit bytes. Unless the body is large, it makes a
// single write.
func (f *frame) write(w io.Writer, limit int) error {
	if len(f.body) > limit {
		return &tooLargeError{len(f.body), limit}
	}
	size := 4 + len(f.head) + len(f.body)
	data := make([]byte, frameHead+4, frameHead+4+len(f.head)+min(len(f.body), together))
	data[0] = byte(f.kind)
	binary.BigEndian.PutUint32(data[1:], uint32(size))
	binary.BigEndian.PutUint32(data[frameHead:], uint32(len(f.head)))
	data = append(data, f.head...)
	rest := f.body
	if len(rest) <= together {
		data, rest = append(data, rest...), nil
	}
	if _, err := w.Write(data); err != nil {
		return err
	}
	if len(rest) == 0 {
		return nil
	}
	_, err := w.Write(rest)
	return err
}

// together is the size of the largest body that is written together with the head.
const together = 32 << 10

// readFrame reads a frame, whose body may have up to limit bytes. It does not trust the length, and
// allocates memory only as the bytes arrive.
func readFrame(r io.Reader, limit int) (frame, error) {
	var start [frameHead + 4]byte
	if _, err := io.ReadFull(r, start[:]); err != nil {
		return frame{}, err
	}
	size, head := int64(binary.BigEndian.Uint32(start[1:])), int64(binary.BigEndian.Uint32(start[frameHead:]))
	switch {
	case size < 4+head:
		return frame{}, fmt.Errorf("a frame of %d bytes has a head of %d", size, head)
	case head > maxHead:
		return frame{}, &tooLargeError{int(head), maxHead}
	case size-4-head > int64(limit):
		return frame{}, &tooLargeError{int(size - 4 - head), limit}
	}
	var payload bytes.Buffer
	if n, err := io.CopyN(&payload, r, size-4); err != nil {
		return frame{}, errors.Join(fmt.Errorf("a frame ends after %d of %d bytes", n, size-4), err)
	}
	data := payload.Bytes()
	return frame{kind(start[0]), data[:head:head], data[head:]}, nil
}

// read decodes the head of a frame into v.
func (f *frame) read(v any) error {
	if err := json.Unmarshal(f.head, v); err != nil {
		return fmt.Errorf("a frame of the kind %q: %w", f.kind, err)
	}
	return nil
}

// parts splits a body into pieces of the given sizes.
func parts(body []byte, sizes []int) ([][]byte, error) {
	all := make([][]byte, len(sizes))
	for i, n := range sizes {
		if n < 0 || n > len(body) {
			return nil, errors.New("a body has fewer bytes than its head says")
		}
		all[i], body = body[:n:n], body[n:]
	}
	return all, nil
}
