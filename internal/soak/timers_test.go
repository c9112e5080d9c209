package soak_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/timer"
)

// Clock reports each second.
type Clock struct {
	_ service.Name `service:"clock"`

	Entrypoints struct {
		Strike timer.Cron `timer:"* * * * * *" missed:"all"`
	}
}

func (*Clock) Strike(_ context.Context, tick timer.Tick) error {
	fmt.Println(tick.Nominal.Unix())
	return nil
}

// A tower collects the ticks that the processes have reported.
type tower struct {
	mu    sync.Mutex
	ticks map[int64]int // how often each tick was called
	more  chan struct{} // receives when ticks has changed
}

func (w *tower) tell(line string) {
	second, err := strconv.ParseInt(line, 10, 64)
	if err != nil {
		panic(err) // of this test itself
	}
	w.mu.Lock()
	w.ticks[second]++
	w.mu.Unlock()
	select {
	case w.more <- struct{}{}:
	default:
	}
}

// count returns the number of ticks.
func (w *tower) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.ticks)
}

// reach waits until there are this many ticks.
func (w *tower) reach(t *testing.T, many int) {
	t.Helper()
	for after := time.After(hosttest.Timeout); ; {
		n := w.count()
		if n >= many {
			return
		}
		select {
		case <-w.more:
		case <-after:
			t.Fatalf("got %d ticks, and %d not in %v", n, many, hosttest.Timeout)
		}
	}
}

// check reports lost ticks, and returns the number of repeated calls.
func (w *tower) check(t *testing.T) (doubles int) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	var seconds []int64
	for second, calls := range w.ticks {
		seconds = append(seconds, second)
		doubles += calls - 1
	}
	slices.Sort(seconds)
	for i, second := range seconds[1:] {
		if gap := second - seconds[i] - 1; gap > 0 {
			t.Errorf("%d ticks are missing after the one of %s", gap, time.Unix(seconds[i], 0).UTC().Format(time.TimeOnly))
		}
	}
	return doubles
}

// TestSoakTimer has three processes share a timer that ticks each second, while they are killed,
// and the broker is stopped and killed. No tick may be lost.
func TestSoakTimer(t *testing.T) {
	many, kills, stops := 12, 5, []string{stopBroker}
	if whole() {
		many, kills, stops = 120, 60, []string{stopBroker, killBroker}
	}
	chance := chance(t)
	node := brokertest.StartNode(t)
	w := &tower{ticks: map[int64]int{}, more: make(chan struct{}, 1)}
	var processes []*process
	for range 3 {
		processes = append(processes, start(t, "clock", node.URI(), w.tell))
	}
	for _, p := range processes {
		p.wait()
	}
	for _, h := range schedule(chance, many, append(slices.Repeat([]string{killProcess}, kills), stops...)...) {
		w.reach(t, h.at)
		time.Sleep(time.Duration(chance.Int64N(int64(time.Second)))) // at any point between two ticks
		t.Logf("%d ticks: %s", h.at, h.what)
		happen(node, processes, chance, h.what)
	}
	w.reach(t, many)
	for _, p := range processes {
		p.wait()
		p.stop()
	}
	doubles := w.check(t)
	t.Logf("%d ticks, processes killed: %d, broker taken away: %d; ticks called again: %d", len(w.ticks), kills, len(stops), doubles)
	// A kill, or a loss of the broker, repeats at most the tick that the process was handling.
	if limit := kills + len(stops); doubles > limit {
		t.Errorf("got %d ticks called again, want at most %d", doubles, limit)
	}
}
