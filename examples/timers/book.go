package timers

import (
	"sync"
	"time"
)

// A Book holds the checks that have not been reported yet, in order. Calls share it.
type Book struct {
	mu sync.Mutex

	looks []look
}

type look struct {
	at       time.Time
	answered bool
}

// Add adds a check.
func (b *Book) Add(at time.Time, answered bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.looks = append(b.looks, look{at, answered})
}

// Before removes the checks made before end. It returns their number, looks, and how many were
// answered.
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
