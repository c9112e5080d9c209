package service

import "time"

// A Pause says that a row currently takes no messages, and why. Running calls of the row continue.
type Pause struct {
	Service string    `json:"service"`
	Row     string    `json:"row"`
	Queue   string    `json:"queue"` // where its messages wait
	Reasons []string  `json:"reasons"`
	Since   time.Time `json:"since"`
}

// A Pauser is an optional interface of entrypoints and of shared values ([Shared]) whose rows may
// be paused.
type Pauser interface {
	// Pauses returns the rows that are paused now.
	Pauses() []Pause
}

// Pauses returns the rows of the container that are paused now.
func (h *Host) Pauses() (all []Pause) {
	for _, m := range h.container.parts() {
		if p, ok := m.value.(Pauser); ok {
			all = append(all, p.Pauses()...)
		}
	}
	return all
}
