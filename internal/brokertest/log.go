package brokertest

import (
	"bytes"
	"sync"
)

// A Log collects log lines, for tests that look for some.
type Log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements [io.Writer].
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Lines returns the lines that contain all of what.
func (l *Log) Lines(what ...string) (found []string) {
	for line := range bytes.Lines([]byte(l.String())) {
		all := true
		for _, w := range what {
			all = all && bytes.Contains(line, []byte(w))
		}
		if all {
			found = append(found, string(line))
		}
	}
	return found
}
