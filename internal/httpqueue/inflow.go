package httpqueue

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gomeko/gomeko/transport"
)

// errCut is the error of a body that is incomplete.
var errCut = errors.New("the body is cut off")

// An inflow is the reading end of a body in parts: of an answer at the front, of an upload at the
// backend. It takes the parts in order, and grants the sender credit for those that its reader has
// taken.
type inflow struct {
	cfg    Config
	credit func(to, run string, taken int64, settled func(error)) // it must not block for long
	wake   chan struct{}                                          // holds a token when there may be something to take

	mu sync.Mutex

	from, run string // the sender's queue and run
	next      int64  // the number of the next part
	bytes     int64  // received so far
	taken     int64
	parts     []*transport.Delivery // received and not taken
	over      bool                  // no more parts will come
	err       error                 // the reason; nil after the last part
	beats     *time.Timer
}

func newInflow(cfg Config, credit func(to, run string, taken int64, settled func(error))) *inflow {
	return &inflow{cfg: cfg, credit: credit, wake: make(chan struct{}, 1)}
}

// begin starts to send credits, which also show that the reader is alive. The first one is sent
// after the given time.
func (i *inflow) begin(from, run string, first time.Duration) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.from, i.run = from, run
	i.beats = time.AfterFunc(first, i.beat)
}

// receive handles a part.
func (i *inflow) receive(d *transport.Delivery) {
	i.mu.Lock()
	defer i.mu.Unlock()
	defer signal(i.wake)
	seq, numbered := whole(d.Headers[seqHeader])
	count, last := whole(d.Headers[countHeader])
	i.bytes += int64(len(d.Body))
	switch {
	case i.over:
		return
	case !numbered || seq != i.next:
		i.end(fmt.Errorf("%w: part %v has come, not %d", errCut, d.Headers[seqHeader], i.next))
		return
	case last && text(d, reasonHeader) != "":
		i.end(fmt.Errorf("%w: %.200s", errCut, text(d, reasonHeader)))
		return
	case last && count != i.bytes:
		i.end(fmt.Errorf("%w: it has %d bytes, not %d", errCut, i.bytes, count))
		return
	case len(i.parts) > 2*windowParts:
		i.end(fmt.Errorf("%w: its sender does not wait for credit", errCut))
		return
	}
	i.next++
	i.parts = append(i.parts, d)
	if last {
		i.end(nil)
	}
}

// end records that no more parts will come. The caller holds mu.
func (i *inflow) end(err error) {
	if i.over {
		return
	}
	i.over, i.err = true, err
	if i.beats != nil {
		i.beats.Stop()
	}
}

// fail ends the body with an error. The parts that have arrived can still be read.
func (i *inflow) fail(err error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.end(err)
	signal(i.wake)
}

// close drops the parts that have not been taken.
func (i *inflow) close() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.end(context.Canceled)
	i.parts = nil
}

// take returns the next part. The last one has the count header. If no part has arrived yet, take
// returns neither a part nor an error.
func (i *inflow) take() (*transport.Delivery, error) {
	i.mu.Lock()
	if len(i.parts) == 0 {
		defer i.mu.Unlock()
		return nil, i.err
	}
	d := i.parts[0]
	i.parts[0], i.parts = nil, i.parts[1:]
	i.taken++
	asks, _ := d.Headers[askHeader].(bool)
	if asks = asks && !i.over; asks && i.beats != nil {
		i.beats.Reset(i.cfg.beat())
	}
	from, run, taken := i.from, i.run, i.taken
	i.mu.Unlock()
	if asks {
		i.credit(from, run, taken, i.credited)
	}
	return d, nil
}

// await waits for the next part and returns it.
func (i *inflow) await(ctx context.Context) (*transport.Delivery, error) {
	for {
		if d, err := i.take(); d != nil || err != nil {
			return d, err
		}
		select {
		case <-i.wake:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// beat sends a credit. It tells the sender that the reader is alive, and its outcome tells the
// reader whether the sender is.
func (i *inflow) beat() {
	i.mu.Lock()
	from, run, taken, over := i.from, i.run, i.taken, i.over
	i.mu.Unlock()
	if over {
		return
	}
	i.credit(from, run, taken, i.credited)
	i.mu.Lock()
	defer i.mu.Unlock()
	if !i.over {
		i.beats.Reset(i.cfg.beat())
	}
}

// credited is called with the outcome of publishing a credit. The broker returns the credit if its
// sender is gone.
func (i *inflow) credited(err error) {
	var returned *transport.Returned
	if errors.As(err, &returned) {
		i.fail(fmt.Errorf("%w: its sender is gone", errCut))
	}
}
