package transport

import (
	"maps"
	"sync"
)

// streamOffset is where a stream is to be read from, in the arguments of a consumer, and where a message stands in it, in the
// headers of a delivery.
const streamOffset = "x-stream-offset"

// A position is how far a stream has been read. A nil one is no stream's.
type position struct {
	mu   sync.Mutex
	next int64              // the offset after the latest that was delivered; 0 before there was one
	open map[int64]struct{} // delivered, and not settled
}

// positionOf returns the position of a consumer that begins to read, nil if it says of no stream where.
func positionOf(args Table) *position {
	if _, ok := args[streamOffset]; !ok {
		return nil
	}
	return &position{open: map[int64]struct{}{}}
}

// delivered notes a delivery.
func (p *position) delivered(d *Delivery) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if offset, ok := d.Headers[streamOffset].(int64); ok {
		p.next, p.open[offset] = offset+1, struct{}{}
		d.position, d.offset = p, offset
	}
}

// settled notes that a delivery needs not come again.
func (p *position) settled(offset int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, offset)
}

// resume returns the arguments of a consumer that goes on: it begins at the first delivery that is not settled.
func (p *position) resume(args Table) Table {
	if p == nil {
		return args
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.next == 0 {
		return args
	}
	at := p.next
	for offset := range p.open {
		at = min(at, offset)
	}
	args = maps.Clone(args)
	args[streamOffset] = at
	return args
}
