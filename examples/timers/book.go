package timers

import (
	"sync"
	"time"
)

// A Book has the looks that were not reported yet, in their order. Calls share it.
type Book struct {
	mu sync.Mutex

	looks []look
}

type look struct {
	at       time.Time
	answered bool
}

// Add adds a look.
func (b *Book) Add(at time.Time, answered bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.looks = append(b.looks, look{at, answered})
}

// Before takes the looks before a time out of the book, and counts them and those that were answered.
func (b *Book) Before(end time.Time) (answered, looks int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for looks < len(b.looks) && b.looks[looks].at.Before(end) {
		if b.looks[looks].answered {
			answered++
		}
		looks++
	}
	b.looks = b.looks[looks:]
	return answered, looks
}
