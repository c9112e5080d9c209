package jobs

// A recent holds ids that were added lately: at least the latest half, at most all, of recentIDs.
type recent struct {
	newer, older map[string]struct{}
}

// recentIDs is how many ids a recent holds.
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
