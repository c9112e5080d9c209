package web

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestRelayLinger checks that a process receives the messages of a bucket for a minute after its
// last listener has left.
func TestRelayLinger(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := new(bus).add(t, 10)
		check := func(want bool) {
			t.Helper()
			synctest.Wait()
			p.bus.mu.Lock()
			defer p.bus.mu.Unlock()
			if got := p.bound[TopicOf("a")]; got != want {
				t.Errorf("got %t, want %t", got, want)
			}
		}
		for range 2 { // the second listener makes the minute start again
			l, err := p.relay.listen(t.Context(), []string{"a"}, "", nil)
			if err != nil {
				t.Fatal(err)
			}
			l.close()
			check(true)
			time.Sleep(linger - 1)
			check(true)
		}
		time.Sleep(time.Nanosecond)
		check(false)
	})
}

// TestRelayBindTimeout has a broker that does not answer. A listener waits for 5 s and then listens
// anyway. It gets a reset when the process receives messages from others.
func TestRelayBindTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := new(bus).add(t, 10)
		p.away = true
		began := time.Now()
		l, err := p.relay.listen(t.Context(), []string{"a"}, "", nil)
		if took := time.Since(began); err != nil || took != bindTimeout {
			t.Fatalf("got %v after %s, want %s", err, took, bindTimeout)
		}
		if b := l.take(); !b.empty() {
			t.Errorf("got %+v, want nothing", b)
		}
		p.back()
		if b := l.take(); b.reset < 0 || b.reset >= maxReturn {
			t.Errorf("got %+v, want a reset", b)
		}
		l.close()
		time.Sleep(linger) // its timer
	})
}
