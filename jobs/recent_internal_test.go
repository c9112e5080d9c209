package jobs

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// TestRecent checks how long ids are remembered, and that they are never more than recentIDs.
func TestRecent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recent
		if r.has("a") {
			t.Error("an id is remembered that was never added")
		}
		r.add("a")
		time.Sleep(recentFor/2 - time.Millisecond)
		r.add("b")
		time.Sleep(2 * time.Millisecond)
		for id, want := range map[string]bool{"a": true, "b": true} {
			if r.has(id) != want {
				t.Errorf("%s is remembered: %v, want %v", id, !want, want)
			}
		}
		time.Sleep(recentFor)
		if r.has("a") || r.has("b") {
			t.Errorf("ids are remembered after %s", recentFor)
		}
		for i := range 10 * recentIDs {
			r.add(fmt.Sprint(i))
			if n := len(r.newer) + len(r.older); n > recentIDs {
				t.Fatalf("%d ids are remembered", n)
			}
		}
		if last := 10*recentIDs - recentIDs/2; !r.has(fmt.Sprint(last)) || r.has("1") {
			t.Errorf("the wrong ids are remembered")
		}
	})
}
