package hosttest

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"
)

// A Log collects the lines that are written to it. The zero value is empty. Its methods may be
// called concurrently, except for Next.
type Log struct {
	mu      sync.Mutex
	text    bytes.Buffer
	next    int           // where Next continues
	written chan struct{} // closed by the next Write; nil if nobody waits
}

// Logger returns a logger that writes to the Log, at level debug and above.
func (l *Log) Logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
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

// Lines returns the lines that contain all texts in what.
func (l *Log) Lines(what ...string) (found []string) {
	for line := range strings.Lines(l.String()) {
		if contains(line, what) {
			found = append(found, line)
		}
	}
	return found
}

func contains(line string, what []string) bool {
	for _, w := range what {
		if !strings.Contains(line, w) {
			return false
		}
	}
	return true
}

// Wait waits until at least n lines contain all texts in what, and returns those lines. It fails
// the test after [Timeout].
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

// Next waits for the next line that contains all texts in what, after the line that it last
// returned. It fails the test after [Timeout].
func (l *Log) Next(t testing.TB, what ...string) string {
	t.Helper()
	timeout := time.NewTimer(Timeout)
	defer timeout.Stop()
	for {
		text, more := l.read()
		for line := range strings.Lines(text[l.next:]) {
			if !strings.HasSuffix(line, "\n") {
				break
			}
			l.next += len(line)
			if contains(line, what) {
				return line
			}
		}
		select {
		case <-more:
		case <-timeout.C:
			t.Fatalf("no further line with %q within %s:\n%s", what, Timeout, text)
		}
	}
}

// read returns the text so far, and a channel that is closed when more is written.
func (l *Log) read() (text string, more <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.written == nil {
		l.written = make(chan struct{})
	}
	return l.text.String(), l.written
}
