package soak_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
)

// A tally counts the events that the processes of a pool have reported.
type tally struct {
	room chan struct{} // holds a token for each event that is dispatched and not yet handled

	mu       sync.Mutex
	times    map[numbered]int // how often each was handled
	ids      map[int]bool     // events handled in any attempt
	unmarked int              // number of events handled again without Redelivered
	goal     int
	reached  chan struct{} // closed when goal ids have been handled
	wrong    []string      // lines that cannot be parsed
}

func newTally() *tally {
	return &tally{room: make(chan struct{}, 1000), times: map[numbered]int{}, ids: map[int]bool{}}
}

// await waits until there is room to dispatch another event. It returns false if ctx ends first.
func (y *tally) await(ctx context.Context) bool {
	select {
	case y.room <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

// tell handles a line from a process.
func (y *tally) tell(line string) {
	y.mu.Lock()
	defer y.mu.Unlock()
	var n numbered
	var redelivered bool
	if _, err := fmt.Sscanf(line, "%d %d %t", &n.ID, &n.Attempt, &redelivered); err != nil {
		y.wrong = append(y.wrong, line)
		return
	}
	if y.times[n]++; y.times[n] > 1 && !redelivered {
		y.unmarked++
	}
	if y.ids[n.ID] {
		return
	}
	y.ids[n.ID] = true
	<-y.room
	if len(y.ids) == y.goal {
		close(y.reached)
	}
}

// reach returns a channel that is closed when this many events have been handled. The previous
// channel must have been closed.
func (y *tally) reach(many int) <-chan struct{} {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.goal, y.reached = many, make(chan struct{})
	if len(y.ids) >= many {
		close(y.reached)
	}
	return y.reached
}

// handled returns the number of events that have been handled.
func (y *tally) handled() int {
	y.mu.Lock()
	defer y.mu.Unlock()
	return len(y.ids)
}

// check checks that all confirmed events were handled, and returns how many were handled more than
// once.
func (y *tally) check(t *testing.T, s *source) (doubles int) {
	t.Helper()
	y.mu.Lock()
	defer y.mu.Unlock()
	for _, line := range y.wrong {
		t.Errorf("a process reported %q", line)
	}
	for id, sent := range s.sent {
		if confirmed := (numbered{id, sent - 1}); y.times[confirmed] == 0 {
			t.Errorf("got %+v confirmed and not handled", confirmed)
		}
	}
	for _, times := range y.times {
		doubles += times - 1
	}
	return doubles
}
