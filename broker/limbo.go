package broker

import (
	"slices"
	"time"
)

// A limbo holds the dead messages of a queue with the strategy at-least-once until they have
// arrived at the queues to which they are dead-lettered. They are not ready, but count towards the
// limits of the queue. The zero value is empty.
type limbo struct {
	list  []*held // oldest first
	bytes int     // of their bodies
	timer *time.Timer
}

// A held is a message in a limbo.
type held struct {
	entry
	reason   string
	reached  []*queue // the queues that have received it
	released bool
}

// Messages that have not arrived are tried again every limboRetry. A round of retries ends once
// limboTries of them have failed.
const (
	limboRetry = time.Second
	limboTries = 32
)

func (l *limbo) len() int { return len(l.list) }

// add adds a message of q and dead-letters it.
func (l *limbo) add(q *queue, e entry, reason string) {
	h := &held{entry: e, reason: reason}
	l.list = append(l.list, h)
	l.bytes += e.message.size()
	l.try(q, h)
	l.watch(q)
}

func (l *limbo) try(q *queue, h *held) {
	q.vhost.dead = append(q.vhost.dead, death{message: h.message, queue: q, reason: h.reason, held: h})
}

// watch starts the timer that dead-letters the remaining messages again.
func (l *limbo) watch(q *queue) {
	if l.timer != nil {
		return
	}
	l.timer = time.AfterFunc(limboRetry, func() {
		q.vhost.lock()
		defer q.vhost.unlock()
		l.timer = nil
		if q.removed || len(l.list) == 0 {
			return
		}
		failed := 0
		for _, h := range slices.Clone(l.list) {
			if failed == limboTries {
				break
			}
			l.try(q, h)
			if q.vhost.buryDead(); !h.released {
				failed++
			}
		}
		if len(l.list) > 0 {
			l.watch(q)
		}
	})
}

// release releases a message that has arrived.
func (l *limbo) release(q *queue, h *held) {
	if h.released {
		return
	}
	h.released = true
	if i := slices.Index(l.list, h); i >= 0 {
		l.list = slices.Delete(l.list, i, i+1)
	}
	l.bytes -= h.message.size()
	q.discard(h.entry)
}

// end releases everything, because the queue is deleted.
func (l *limbo) end(q *queue) {
	for len(l.list) > 0 {
		l.release(q, l.list[0])
	}
	if l.timer != nil {
		l.timer.Stop()
		l.timer = nil
	}
}
