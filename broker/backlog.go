package broker

import (
	"container/heap"
	"time"
)

// An entry is a message in a queue.
type entry struct {
	message     *message
	position    uint64    // in the queue, kept when it is put back
	expires     time.Time // zero: never
	redelivered bool
}

// A backlog is the ready messages of a queue in their order. What is new joins at the
// end, in a ring; what is put back goes to its old place, in a heap: it was taken before
// all of the ring, so the heap comes first.
type backlog struct {
	returned entryHeap
	ring     []entry // its size is a power of two
	start    int
	count    int    // in the ring
	position uint64 // of the last new one
}

func (b *backlog) len() int { return len(b.returned) + b.count }

// next makes a new message the next entry.
func (b *backlog) next(m *message, expires time.Time) entry {
	b.position++
	return entry{message: m, position: b.position, expires: expires}
}

// push adds the entry that was made last.
func (b *backlog) push(e entry) {
	if b.count == len(b.ring) {
		b.resize(max(8, 2*b.count))
	}
	b.ring[(b.start+b.count)&(len(b.ring)-1)] = e
	b.count++
}

// putBack returns an entry that was popped to its place.
func (b *backlog) putBack(e entry) { heap.Push(&b.returned, e) }

// peek returns the first entry; there must be one.
func (b *backlog) peek() *entry {
	if len(b.returned) > 0 {
		return &b.returned[0]
	}
	return &b.ring[b.start]
}

// pop takes the first entry; there must be one.
func (b *backlog) pop() entry {
	if len(b.returned) > 0 {
		return heap.Pop(&b.returned).(entry)
	}
	e := b.ring[b.start]
	b.ring[b.start] = entry{}
	b.start = (b.start + 1) & (len(b.ring) - 1)
	b.count--
	if len(b.ring) > 1024 && b.count < len(b.ring)/4 {
		b.resize(len(b.ring) / 2)
	}
	return e
}

// clear drops everything.
func (b *backlog) clear() {
	b.returned, b.ring = nil, nil
	b.start, b.count = 0, 0
}

func (b *backlog) resize(size int) {
	ring := make([]entry, size)
	for i := range b.count {
		ring[i] = b.ring[(b.start+i)&(len(b.ring)-1)]
	}
	b.ring, b.start = ring, 0
}

// An entryHeap is ordered by position.
type entryHeap []entry

func (h entryHeap) Len() int           { return len(h) }
func (h entryHeap) Less(i, j int) bool { return h[i].position < h[j].position }
func (h entryHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *entryHeap) Push(e any)        { *h = append(*h, e.(entry)) }

func (h *entryHeap) Pop() any {
	last := len(*h) - 1
	e := (*h)[last]
	(*h)[last] = entry{}
	*h = (*h)[:last]
	return e
}
