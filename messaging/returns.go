package messaging

import (
	"crypto/sha256"
	"sync"
	"time"

	"github.com/gomeko/gomeko/transport"
)

const (
	returnMin    = 100 * time.Millisecond // before a message's second return; it doubles with each further one
	returnMax    = 10 * time.Second
	failuresKept = 1000 // the number of messages that are remembered
)

// returns gives failed messages back to their queue. A message that keeps failing is returned later
// each time, so it does not keep the process busy. While it waits, it counts against the prefetch
// but needs no worker. The zero value is ready for use.
type returns struct {
	mu       sync.Mutex
	failures map[[sha256.Size]byte]int // of each message in this process
	order    [][sha256.Size]byte       // the messages in failures, oldest first, and some that were removed
	waiting  map[*transport.Delivery]*time.Timer
	stopped  bool // nothing waits any longer
	emptied  bool // nothing waits for now
}

// add gives back a message whose call has failed.
func (r *returns) add(d *transport.Delivery) {
	delay := r.delay(d)
	r.mu.Lock()
	defer r.mu.Unlock()
	if delay == 0 || r.stopped || r.emptied {
		d.Reject(true)
		return
	}
	if r.waiting == nil {
		r.waiting = make(map[*transport.Delivery]*time.Timer)
	}
	r.waiting[d] = time.AfterFunc(delay, func() {
		r.mu.Lock()
		delete(r.waiting, d)
		r.mu.Unlock()
		d.Reject(true)
	})
}

// delay counts a failure of a message, and returns how long it has to wait.
func (r *returns) delay(d *transport.Delivery) time.Duration {
	id := d.Fingerprint()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failures == nil {
		r.failures = make(map[[sha256.Size]byte]int)
	}
	if r.failures[id] == 0 {
		if r.order = append(r.order, id); len(r.order) > failuresKept {
			delete(r.failures, r.order[0])
			r.order = r.order[1:]
		}
		if d.Redelivered { // it has failed in another process, or before the start of this one
			r.failures[id]++
		}
	}
	r.failures[id]++
	n := r.failures[id]
	if n == 1 {
		return 0
	}
	return min(returnMin<<min(n-2, 10), returnMax)
}

// forget drops the count of a message whose call has succeeded.
func (r *returns) forget(d *transport.Delivery) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if d.Redelivered && len(r.failures) > 0 {
		delete(r.failures, d.Fingerprint())
	}
}

// stop gives back the messages that wait, and lets no message wait after that.
func (r *returns) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stopped = true
	r.giveBack()
}

// hold lets messages wait if on is set. Otherwise it gives back those that wait, and lets none wait
// until the next hold.
func (r *returns) hold(on bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.emptied = !on
	if !on {
		r.giveBack()
	}
}

// giveBack gives back the messages that wait. The caller holds mu.
func (r *returns) giveBack() {
	for d, timer := range r.waiting {
		if timer.Stop() {
			d.Reject(true)
		}
	}
	clear(r.waiting)
}
