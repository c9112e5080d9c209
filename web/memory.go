package web

import (
	"container/list"
	"net/http"
	"sync"
	"time"
)

const (
	// uncounted is how many bytes of each request and each response are not counted, about what a
	// connection takes anyway. This way small requests are still served while large ones are
	// refused.
	uncounted = 4 << 10

	// slowAfter is how long a client may take before it can be cut off to make room for another.
	slowAfter = 5 * time.Second
)

// A memory limits the bytes of requests and responses that a process holds at once. When it is
// full, the slowest clients are cut off.
type memory struct {
	limit int64

	mu sync.Mutex

	used int64
	slow list.List // holds that wait for their clients, as *hold, oldest first
}

// A hold accounts for the bytes of one request, response or frame. It is not safe for concurrent
// use.
type hold struct {
	memory *memory
	bytes  int64  // including the uncounted ones
	cut    func() // makes a blocked read from or write to the client fail; nil if none blocks

	// The memory guards the following fields.
	counted int64
	began   time.Time
	waiting *list.Element // its place in slow; nil if it is not in there
	gone    bool          // the client was cut off
}

var (
	errFull    = &Error{Status: http.StatusServiceUnavailable, Message: "too many bytes of requests and responses are in memory: try again"}
	errTooSlow = &Error{Status: http.StatusRequestTimeout, Message: "the body arrived too slowly while other requests needed the memory"}
)

// take adds n bytes to the hold. It returns an error if there is no room for them.
func (h *hold) take(n int64) *Error {
	h.bytes += n
	if h.bytes <= uncounted {
		return nil
	}
	m := h.memory
	if h.bytes > m.limit {
		return tooLarge(m.limit)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	more := h.bytes - uncounted - h.counted
	for m.used+more > m.limit {
		if h.gone || !m.cutSlowest(h) {
			break
		}
	}
	switch {
	case h.gone:
		return errTooSlow
	case m.used+more > m.limit:
		return errFull
	}
	m.used += more
	h.counted += more
	if h.waiting == nil && h.cut != nil {
		h.began = time.Now()
		h.waiting = m.slow.PushBack(h)
	}
	return nil
}

// full reports whether the limit is reached.
func (m *memory) full() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.used >= m.limit
}

// force adds n bytes to the hold even if there is no room for them.
func (h *hold) force(n int64) {
	h.memory.mu.Lock()
	defer h.memory.mu.Unlock()
	h.bytes += n
	more := max(0, h.bytes-uncounted) - h.counted
	h.memory.used += more
	h.counted += more
}

// cutSlowest cuts off the client that has taken longest, except for that of h. It returns false if
// no client has taken long enough. It is called with mu held.
func (m *memory) cutSlowest(h *hold) bool {
	for e := m.slow.Front(); e != nil; e = e.Next() {
		slow := e.Value.(*hold)
		if time.Since(slow.began) < slowAfter {
			return false
		}
		if slow == h || slow.counted == 0 {
			continue
		}
		slow.gone = true
		slow.cut()
		slow.leave()
		m.used -= slow.counted
		slow.counted = 0
		return true
	}
	return false
}

// arrived records that the hold no longer waits for its client. It returns an error if the client
// was cut off.
func (h *hold) arrived() *Error {
	if h.bytes > uncounted {
		h.memory.mu.Lock()
		defer h.memory.mu.Unlock()
		h.leave()
		if h.gone {
			return errTooSlow
		}
	}
	h.cut = nil
	return nil
}

// cutOff reports whether the client was cut off.
func (h *hold) cutOff() bool {
	h.memory.mu.Lock()
	defer h.memory.mu.Unlock()
	return h.gone
}

// leave removes the hold from the waiting ones. It is called with mu held.
func (h *hold) leave() {
	if h.waiting != nil {
		h.memory.slow.Remove(h.waiting)
		h.waiting = nil
	}
}

// release gives back the hold's bytes.
func (h *hold) release() {
	if h.bytes > uncounted {
		h.memory.mu.Lock()
		defer h.memory.mu.Unlock()
		h.leave()
		h.memory.used -= h.counted
		h.counted = 0
	}
	h.bytes, h.cut = 0, nil
}
