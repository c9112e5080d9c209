package jobs

// Expected returns how many outcomes an Enqueuer expects.
func Expected(e *Enqueuer) int {
	e.replies.mu.Lock()
	defer e.replies.mu.Unlock()
	return len(e.replies.expected)
}
