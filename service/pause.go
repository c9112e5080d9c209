package service

import "time"

// A Pause says that a row takes no messages at present, and why. The calls of the row that run go
// on.
type Pause struct {
	Service string    `json:"service"`
	Row     string    `json:"row"`
	Queue   string    `json:"queue"` // of the messages that wait
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
