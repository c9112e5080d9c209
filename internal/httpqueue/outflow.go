package httpqueue

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gomeko/gomeko/transport"
)

// Reasons why an unfinished body has ended.
var (
	errReaderGone  = errors.New("the reader of the body is gone")
	errReaderIdle  = errors.New("the reader of the body took nothing for too long")
	errInterrupted = errors.New("a part of the body may be lost")
)

// A sendFunc sends a message and reports the outcome, as [transport.Publisher.Send] does.
type sendFunc func(ctx context.Context, m transport.Publishing, settled func(error)) error

// An outflow is the sending end of a body in parts: of an upload at the front, of an answer at the
// backend. Its sender waits while the parts in flight fill the window.
type outflow struct {
	cfg      Config
	send     sendFunc
	to, from string // queues
	id, run  string
	fail     func(error)   // called when the rest of the body cannot be sent; it must not block
	wake     chan struct{} // holds a token when there may be room
	watch    *time.Timer   // calls expire

	mu sync.Mutex

	onWay   []int // sizes of the parts in flight, which the reader has not taken
	bytes   int   // their sum
	seq     int   // the number of the next part
	total   int64 // bytes sent
	unasked int   // parts since the last one that asked for a credit
	since   int   // the bytes of these parts
	heard   time.Time
	moved   time.Time // when the reader last took a part, or the window became full
	full    bool
	err     error // why the body has ended early
}

// newOutflow returns an outflow for the body of a request or an answer.
func newOutflow(cfg Config, send sendFunc, to, from, id, run string, fail func(error)) *outflow {
	o := &outflow{cfg: cfg, send: send, to: to, from: from, id: id, run: run, fail: fail, wake: make(chan struct{}, 1), heard: time.Now()}
	o.watch = time.AfterFunc(cfg.beat(), o.expire)
	return o
}

// part sends a part when there is room for it. The caller must not change body afterwards. more
// contains additional headers.
func (o *outflow) part(ctx context.Context, body []byte, more transport.Table) error {
	for {
		m, err := o.next(body, more)
		if err != nil {
			return err
		}
		if m != nil {
			return o.publish(ctx, *m, o.settled)
		}
		select {
		case <-o.wake:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// next returns the message with the next part, or nil if there is no room for it.
func (o *outflow) next(body []byte, more transport.Table) (*transport.Publishing, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil {
		return nil, o.err
	}
	open := len(o.onWay) < windowParts && o.bytes < windowBytes
	if open == o.full {
		o.full, o.moved = !open, time.Now()
	}
	if !open {
		return nil, nil
	}
	o.onWay, o.bytes, o.total = append(o.onWay, len(body)), o.bytes+len(body), o.total+int64(len(body))
	o.unasked, o.since = o.unasked+1, o.since+len(body)
	h := o.headers(more)
	if o.unasked >= windowParts/2 || o.since >= windowBytes/2 {
		o.unasked, o.since, h[askHeader] = 0, 0, true
	}
	o.seq++
	m := message(partType, o.to, o.from, o.id, h, body)
	return &m, nil
}

// headers returns the headers of the next part. The caller holds mu.
func (o *outflow) headers(more transport.Table) transport.Table {
	h := transport.Table{seqHeader: int64(o.seq), runHeader: o.run}
	for name, value := range more {
		h[name] = value
	}
	return h
}

// last sends the last part, which has no body, and waits for the broker's confirmation.
func (o *outflow) last(ctx context.Context, more transport.Table) error {
	o.watch.Stop()
	o.mu.Lock()
	h := o.headers(more)
	h[countHeader] = o.total
	o.mu.Unlock()
	confirmed := make(chan error, 1)
	if err := o.publish(ctx, message(partType, o.to, o.from, o.id, h, nil), func(err error) { confirmed <- err }); err != nil {
		return err
	}
	select {
	case err := <-confirmed:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (o *outflow) publish(ctx context.Context, m transport.Publishing, settled func(error)) error {
	err := o.send(ctx, m, settled)
	if err != nil {
		o.end(err)
	}
	return err
}

// settled is called with the outcome of publishing a part. It does not block.
func (o *outflow) settled(err error) {
	var returned *transport.Returned
	switch {
	case err == nil:
	case errors.As(err, &returned):
		o.end(errReaderGone)
	default:
		o.end(fmt.Errorf("%w: %w", errInterrupted, err))
	}
}

// end ends the body early, with an error.
func (o *outflow) end(err error) {
	o.mu.Lock()
	first := o.err == nil
	if first {
		o.err = err
	}
	o.mu.Unlock()
	if first {
		o.watch.Stop()
		signal(o.wake)
		o.fail(err)
	}
}

// expire ends the body if its reader is gone or takes nothing.
func (o *outflow) expire() {
	now := time.Now()
	o.mu.Lock()
	gone := now.Sub(o.heard) >= missedBeats*o.cfg.beat()
	idle := o.full && now.Sub(o.moved) >= o.cfg.idle()
	over := o.err != nil
	o.mu.Unlock()
	switch {
	case over:
	case gone:
		o.end(errReaderGone)
	case idle:
		o.end(errReaderIdle)
	default:
		o.watch.Reset(o.cfg.beat())
	}
}

// credited handles a credit from the reader.
func (o *outflow) credited(d *transport.Delivery) {
	taken, ok := whole(d.Headers[takenHeader])
	if text(d, runHeader) != o.run || !ok {
		return
	}
	o.mu.Lock()
	now := time.Now()
	o.heard = now
	for len(o.onWay) > 0 && int64(o.seq-len(o.onWay)) < taken {
		o.bytes -= o.onWay[0]
		o.onWay = o.onWay[1:]
		o.moved, o.full = now, false
	}
	o.mu.Unlock()
	signal(o.wake)
}
