package broker

import (
	"container/heap"
	"math"
	"time"
)

// forever stands for no time to live and no expiry.
const forever = time.Duration(math.MaxInt64)

// An entry is a message in a queue.
type entry struct {
	message     *message
	position    uint64        // in the queue; kept when the message is put back
	expires     time.Duration // since the vhost began
	returns     uint32        // how often the message was put back
	priority    uint8
	redelivered bool
}

// A backlog holds the ready messages of a queue, ordered by priority and by position within a
// priority.
type backlog struct {
	lanes    []lane // by priority
	count    int
	bytes    int    // of bodies
	position uint64 // of the last new message
}

func (b *backlog) len() int { return b.count }

// next returns the entry of a new message.
func (b *backlog) next(m *message, expires time.Duration, priority uint8) entry {
	b.position++
	return entry{message: m, position: b.position, expires: expires, priority: priority}
}

// push adds the entry that next returned last.
func (b *backlog) push(e entry) { b.lane(e).push(e) }

// putBack returns a popped entry to its position.
func (b *backlog) putBack(e entry) { heap.Push(&b.lane(e).returned, e) }

// putLast returns a popped entry to a position after all entries returned earlier.
func (b *backlog) putLast(e entry) {
	b.position++
	e.position = b.position
	b.putBack(e)
}

// lane counts an entry and returns its lane.
func (b *backlog) lane(e entry) *lane {
	b.count++
	b.bytes += e.message.size()
	for len(b.lanes) <= int(e.priority) {
		b.lanes = append(b.lanes, lane{})
	}
	return &b.lanes[e.priority]
}

// first returns the lane of the first entry. The backlog must not be empty.
func (b *backlog) first() *lane {
	i := len(b.lanes) - 1
	for b.lanes[i].len() == 0 {
		i--
	}
	return &b.lanes[i]
}

// peek returns the first entry. The backlog must not be empty.
func (b *backlog) peek() *entry { return b.first().peek() }

// pop removes the first entry. The backlog must not be empty.
func (b *backlog) pop() entry {
	e := b.first().pop()
	b.count--
	b.bytes -= e.message.size()
	return e
}

// A lane holds the messages of one priority. A ring holds new messages; a heap, ordered by
// position, holds messages that were put back. Those were taken before the messages in the ring, so
// they come first.
type lane struct {
	returned entryHeap
	ring     []entry // its size is a power of two
	start    int
	count    int // in the ring
}

func (l *lane) len() int { return len(l.returned) + l.count }

func (l *lane) push(e entry) {
	if l.count == len(l.ring) {
		l.resize(max(8, 2*l.count))
	}
	l.ring[(l.start+l.count)&(len(l.ring)-1)] = e
	l.count++
}

func (l *lane) peek() *entry {
	if len(l.returned) > 0 {
		return &l.returned[0]
	}
	return &l.ring[l.start]
}

func (l *lane) pop() entry {
	if len(l.returned) > 0 {
		return heap.Pop(&l.returned).(entry)
	}
	e := l.ring[l.start]
	l.ring[l.start] = entry{}
	l.start = (l.start + 1) & (len(l.ring) - 1)
	l.count--
	if len(l.ring) > 128 && l.count < len(l.ring)/4 {
		l.resize(len(l.ring) / 2)
	}
	return e
}

func (l *lane) resize(size int) {
	ring := make([]entry, size)
	for i := range l.count {
		ring[i] = l.ring[(l.start+i)&(len(l.ring)-1)]
	}
	l.ring, l.start = ring, 0
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
