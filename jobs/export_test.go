package jobs

import "time"

// Expected returns how many outcomes an Enqueuer expects.
func Expected(e *Enqueuer) int {
	e.replies.mu.Lock()
	defer e.replies.mu.Unlock()
	return len(e.replies.expected)
}

// Hourly returns cfg with one regular sweep an hour, about.
func Hourly(cfg Config) Config {
	cfg.times.sweep = 2 * time.Hour
	return cfg
}

// Impatient returns cfg with jobs of unknown names that fail soon.
func Impatient(cfg Config) Config {
	cfg.times.unknownFor, cfg.times.unknownAgain = time.Millisecond, 10*time.Millisecond
	return cfg
}

// Attentive returns cfg with processes that notice soon what others have changed of periodic rows.
func Attentive(cfg Config) Config {
	cfg.times.look = 10 * time.Millisecond
	return cfg
}
