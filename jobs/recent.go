package jobs

// A recent remembers ids: the last 1,000 that were added, and up to 1,000 before them.
type recent struct {
	newer, older map[string]struct{}
}

// recentIDs is the maximum number of remembered ids.
const recentIDs = 2000

func (r *recent) add(id string) {
	if r.newer == nil || len(r.newer) == recentIDs/2 {
		r.older, r.newer = r.newer, make(map[string]struct{}, recentIDs/2)
	}
	r.newer[id] = struct{}{}
}

func (r *recent) has(id string) bool {
	_, newer := r.newer[id]
	_, older := r.older[id]
	return newer || older
}
