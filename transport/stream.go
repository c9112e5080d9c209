package transport

import (
	"maps"
	"sync"
)

// streamOffset is the argument of a consumer that says where to begin reading a stream, and the
// header of a delivery that has its position in the stream.
const streamOffset = "x-stream-offset"

// A position records how far a stream has been read. The nil position is that of a queue that is
// not a stream.
type position struct {
	mu        sync.Mutex
	next      int64              // the offset after the latest delivery; 0 before the first
	unsettled map[int64]struct{} // offsets that were delivered and not settled
}

// positionOf returns the position of a new consumer, or nil unless its arguments say where to begin
// reading a stream.
func positionOf(args Table) *position {
	if _, ok := args[streamOffset]; !ok {
		return nil
	}
	return &position{unsettled: map[int64]struct{}{}}
}

// resume returns the arguments with which a consumer continues: it begins at the first unsettled
// delivery.
func (p *position) resume(args Table) Table {
	if p == nil {
		return args
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.next == 0 {
		return args
	}
	offset := p.next
	for o := range p.unsettled {
		offset = min(offset, o)
	}
	args = maps.Clone(args)
	args[streamOffset] = offset
	return args
}

// delivered records a delivery.
func (p *position) delivered(d *Delivery) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if offset, ok := d.Headers[streamOffset].(int64); ok {
		p.next, p.unsettled[offset] = offset+1, struct{}{}
		d.position, d.offset = p, offset
	}
}

// settled records that a delivery need not be delivered again.
func (p *position) settled(offset int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.unsettled, offset)
}
