package jobs

import "time"

// EndsWaiting is how many outcomes may wait before a process claims no further jobs.
const EndsWaiting = endsWaiting

// Expected returns how many outcomes an Enqueuer expects.
func Expected(e *Enqueuer) int {
	e.replies.mu.Lock()
	defer e.replies.mu.Unlock()
	return len(e.replies.expected)
}

// Hourly returns cfg with about one regular sweep an hour.
func Hourly(cfg Config) Config {
	cfg.times.sweep = 2 * time.Hour
	return cfg
}

// Impatient returns cfg with a short wait before jobs of unknown names fail.
func Impatient(cfg Config) Config {
	cfg.times.unknownFor, cfg.times.unknownAgain = time.Millisecond, 10*time.Millisecond
	return cfg
}

// Attentive returns cfg with frequent checks for changes of periodic rows.
func Attentive(cfg Config) Config {
	cfg.times.look = 10 * time.Millisecond
	return cfg
}
