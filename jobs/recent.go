package jobs

import "time"

// A recent remembers ids for 5 to 15 s, and at most 2,000 of them: it may forget an id sooner once
// 1,000 others were added after it.
type recent struct {
	newer, older map[string]struct{}
	since        time.Time // of newer
}

const (
	recentIDs = 2000
	recentFor = 10 * time.Second
)

// add remembers an id.
func (r *recent) add(id string) {
	r.age()
	if r.newer == nil || len(r.newer) == recentIDs/2 {
		r.renew()
	}
	r.newer[id] = struct{}{}
}

// has reports whether an id is remembered.
func (r *recent) has(id string) bool {
	r.age()
	_, newer := r.newer[id]
	_, older := r.older[id]
	return newer || older
}

// age forgets ids whose time has passed.
func (r *recent) age() {
	switch age := time.Since(r.since); {
	case age >= recentFor:
		*r = recent{}
	case age >= recentFor/2:
		r.renew()
	}
}

func (r *recent) renew() {
	r.newer, r.older, r.since = map[string]struct{}{}, r.newer, time.Now()
}
