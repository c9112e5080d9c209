package shell

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"go.starlark.net/starlark"

	"github.com/gomeko/gomeko/rpc"
)

// A stream is the value of a call whose method yields its result item by item. A loop over it
// receives the items as they arrive. It ends with the line, or the script, that made the call.
type stream struct {
	opaque
	ctx    context.Context  // of the line
	thread *starlark.Thread // of the line, which an error ends
	pieces chan piece       // closed after the last one
	taken  []piece          // received from pieces, but not yet by a loop

	endless bool // ends with Ctrl-C, which is not an error
}

func newStream(name opaque, ctx context.Context, thread *starlark.Thread) *stream {
	return &stream{opaque: name, ctx: ctx, thread: thread, pieces: make(chan piece)}
}

// A piece is an item of a result, a whole result, or an error.
type piece struct {
	json  json.RawMessage
	whole bool
	event string // its type, if it is an event
	err   error
}

// call makes a call and waits for the first item, the result or an error.
func (m method) call(thread *starlark.Thread, args []any) (starlark.Value, error) {
	ctx, err := m.s.withData(thread.Local(lineKey).(context.Context))
	if err != nil {
		return nil, err
	}
	ctx = m.to(ctx)
	s := newStream("stream of "+m.opaque, ctx, thread)
	go s.read(m.s.Caller.Client(m.service), m.name, args)
	first, ok := s.next()
	switch {
	case !ok: // a stream without items
	case first.err != nil:
		return nil, first.err
	case first.whole:
		return decode(first.json)
	default:
		s.taken = []piece{first}
	}
	return s, nil
}

// read makes the call and receives its pieces until the line ends.
func (s *stream) read(client rpc.Client, method string, args []any) {
	defer close(s.pieces)
	result, err := client.Each(s.ctx, method, func(item json.RawMessage) error { return s.put(piece{json: item}) }, args...)
	switch {
	case err != nil:
		_ = s.put(piece{err: err}) // fails if the line has ended, which next reports
	case result != nil:
		_ = s.put(piece{json: result, whole: true})
	}
}

func (s *stream) put(p piece) error {
	select {
	case s.pieces <- p:
		return nil
	case <-s.ctx.Done():
		return s.ctx.Err()
	}
}

// next returns the next piece, and false after the last one.
func (s *stream) next() (p piece, ok bool) {
	if len(s.taken) > 0 {
		p, s.taken = s.taken[0], s.taken[1:]
		return p, true
	}
	if p, ok = <-s.pieces; !ok && s.ctx.Err() != nil {
		return piece{err: errors.New("the stream has ended with the line that made the call: loop over it there, or keep list(…) of it")}, true
	}
	return p, ok
}

// Iterate implements [starlark.Iterable]. A second loop continues after the first one.
func (s *stream) Iterate() starlark.Iterator { return (*items)(s) }

// items is a loop over a stream.
type items stream

// Next implements [starlark.Iterator]. It ends the line after an error, because a loop cannot fail.
func (i *items) Next(v *starlark.Value) bool {
	s := (*stream)(i)
	p, ok := s.next()
	if !ok {
		return false
	}
	value, err := starlark.Value(nil), p.err
	if err == nil {
		value, err = decode(p.json)
	}
	if p.event != "" {
		value = happened(p.event, value)
	}
	if err != nil {
		s.thread.Cancel(err.Error())
		return false
	}
	*v = value
	return true
}

// Done implements [starlark.Iterator].
func (i *items) Done() {}

// printStream prints each item as a line when it arrives.
func (s *Shell) printStream(st *stream) error {
	for {
		p, ok := st.next()
		if st.endless && st.ctx.Err() != nil {
			return nil
		}
		if !ok || p.err != nil {
			return p.err
		}
		value, err := decode(p.json)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintln(s.Stdout, p.line(value)); err != nil {
			return err
		}
	}
}
