package soak_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
)

// A tally counts what the processes of a pool tell to have handled.
type tally struct {
	room chan struct{} // has a token for each event that is dispatched and not handled: the load is to last

	mu       sync.Mutex
	times    map[numbered]int // how often each was handled
	ids      map[int]bool     // handled in any attempt
	unmarked int              // handled once more, and not called redelivered
	goal     int
	reached  chan struct{} // closed when as many ids are handled
	wrong    []string      // lines that make no sense
}

func newTally() *tally {
	return &tally{room: make(chan struct{}, 1000), times: map[numbered]int{}, ids: map[int]bool{}}
}

// await waits for room to dispatch another event, and reports whether there is.
func (y *tally) await(ctx context.Context) bool {
	select {
	case y.room <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

// tell takes a line of a process.
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

// reach returns a channel that is closed when as many events are handled. The one before has been waited for.
func (y *tally) reach(many int) <-chan struct{} {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.goal, y.reached = many, make(chan struct{})
	if len(y.ids) >= many {
		close(y.reached)
	}
	return y.reached
}

// handled returns how many events are handled.
func (y *tally) handled() int {
	y.mu.Lock()
	defer y.mu.Unlock()
	return len(y.ids)
}

// check checks that what was confirmed was handled, and returns how many events were handled more than once.
func (y *tally) check(t *testing.T, s *source) (doubles int) {
	t.Helper()
	y.mu.Lock()
	defer y.mu.Unlock()
	for _, line := range y.wrong {
		t.Errorf("a process told %q", line)
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
