package hosttest

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"time"
)

// A Log collects the lines that are written to it. The zero value is empty. Several goroutines may
// use it at once.
type Log struct {
	mu      sync.Mutex
	text    bytes.Buffer
	written chan struct{} // closed by the next Write; nil if nobody waits
}

// Write implements [io.Writer].
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.written != nil {
		close(l.written)
		l.written = nil
	}
	return l.text.Write(p)
}

func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Lines returns the lines that contain every text of what.
func (l *Log) Lines(what ...string) (found []string) {
	for line := range strings.Lines(l.String()) {
		all := true
		for _, w := range what {
			all = all && strings.Contains(line, w)
		}
		if all {
			found = append(found, line)
		}
	}
	return found
}

// Wait waits until at least n lines contain every text of what, and returns them. It fails the test
// after [Timeout].
func (l *Log) Wait(t testing.TB, n int, what ...string) []string {
	t.Helper()
	timeout := time.NewTimer(Timeout)
	defer timeout.Stop()
	for {
		_, more := l.read()
		if found := l.Lines(what...); len(found) >= n {
			return found
		}
		select {
		case <-more:
		case <-timeout.C:
			t.Fatalf("got %d lines with %q within %s, want %d:\n%s", len(l.Lines(what...)), what, Timeout, n, l)
		}
	}
}

// read returns the text so far, and a channel that is closed when there is more.
func (l *Log) read() (text string, more <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.written == nil {
		l.written = make(chan struct{})
	}
	return l.text.String(), l.written
}
