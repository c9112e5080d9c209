package rpc

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gomeko/gomeko/transport"
)

// A receiver is the reading end of a stream: it takes the parts from the connection, in order, and
// gives the producer credit for those that the reader takes.
type receiver struct {
	cfg    Config
	credit func(to, run string, taken int, settled func(error))
	wake   chan struct{} // has a token when there may be something to take

	mu sync.Mutex

	from, run string // the producer; known from its first part on
	next      int    // the number of the next part
	taken     int
	parts     []*transport.Delivery // received, not yet taken
	over      bool                  // no more parts will come
	err       error                 // why no more come; nil after the last part
	timer     *time.Timer           // of the next beat; nil before the first part
}

func newReceiver(cfg Config, credit func(to, run string, taken int, settled func(error))) *receiver {
	return &receiver{cfg: cfg, credit: credit, wake: make(chan struct{}, 1)}
}

// begun reports whether a part has come.
func (r *receiver) begun() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.next > 0
}

// receive takes a message with the correlation id of the stream, and reports whether it was the
// last one. A reply that is not a part is the whole result, or an error.
func (r *receiver) receive(d *transport.Delivery) (last bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.notify()
	if r.over {
		return true
	}
	seq, numbered := whole(d.Headers[seqHeader])
	run, _ := d.Headers[runHeader].(string)
	switch {
	case d.Type != partType && r.next == 0:
		r.parts, r.over = append(r.parts, d), true
		return true
	case d.Type != partType:
		return r.lose("another process has answered the request")
	case !numbered:
		return r.lose("a part without a number has come")
	case r.next == 0 && seq == 0 && run != "" && r.run == "":
		r.from, r.run = d.ReplyTo, run
		r.timer = time.AfterFunc(r.cfg.beat(), r.beat)
	case r.next == 0 && seq == 0 && run != "" && run == r.run: // a streamed argument: its reader chose the run
	case run != r.run || r.next == 0:
		return r.lose("a part of another run has come")
	case seq < r.next:
		return r.lose(fmt.Sprintf("part %d has come twice", seq))
	case seq > r.next:
		return r.lose(fmt.Sprintf("part %d is missing", r.next))
	}
	r.next++
	r.parts = append(r.parts, d)
	if _, last = whole(d.Headers[countHeader]); last {
		r.end(nil)
	}
	return last
}

// lose ends the stream because parts are missing. The caller holds mu.
func (r *receiver) lose(why string) (last bool) {
	r.end(fmt.Errorf("%w: %s", ErrConnectionLost, why))
	return true
}

// end notes that no more parts will come. The caller holds mu.
func (r *receiver) end(err error) {
	if r.over {
		return
	}
	r.over, r.err = true, err
	if r.timer != nil {
		r.timer.Stop()
	}
}

// fail ends the stream with an error, after the parts that have come.
func (r *receiver) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.end(err)
	r.notify()
}

// close drops the parts that are not taken.
func (r *receiver) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.end(nil)
	r.parts = nil
}

func (r *receiver) notify() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// take returns the next part. If none is waiting, it returns nil, and the error of the stream if it
// has failed.
func (r *receiver) take() (*transport.Delivery, error) {
	r.mu.Lock()
	if len(r.parts) == 0 {
		defer r.mu.Unlock()
		return nil, r.err
	}
	d := r.parts[0]
	r.parts[0], r.parts = nil, r.parts[1:]
	r.taken++
	asks, _ := d.Headers[askHeader].(bool)
	asks = asks && !r.over
	if asks {
		r.timer.Reset(r.cfg.beat())
	}
	from, run, taken := r.from, r.run, r.taken
	r.mu.Unlock()
	if asks {
		r.credit(from, run, taken, r.credited)
	}
	return d, nil
}

// beat tells the producer that the reader is alive, and finds out whether the producer still is.
func (r *receiver) beat() {
	r.mu.Lock()
	from, run, taken, over := r.from, r.run, r.taken, r.over
	r.mu.Unlock()
	if over {
		return
	}
	r.credit(from, run, taken, r.credited)
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.over {
		r.timer.Reset(r.cfg.beat())
	}
}

// credited receives the outcome of sending a credit. The broker returns a credit whose producer is
// gone.
func (r *receiver) credited(err error) {
	var returned *transport.Returned
	if errors.As(err, &returned) {
		r.fail(fmt.Errorf("%w: the process that made the stream is gone", ErrConnectionLost))
	}
}
