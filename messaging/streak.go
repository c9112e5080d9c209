package messaging

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/gomeko/gomeko/internal/deadletter"
	"github.com/gomeko/gomeko/service"
)

const (
	defaultPauseAfter = 20
	probeFirst        = 5 * time.Second // from the pause to its first probe; doubles with each failed probe
	probeMost         = 5 * time.Minute
)

// A streak counts consecutive failures of a row that retries. Too many of them pause the row:
// something that its calls need is probably down, and each further message would only use up its
// retries. Probes with one message find out when it is back.
type streak struct {
	pauses *pauses
	limit  int           // 0 is no limit
	first  time.Duration // the wait until the first probe

	mu sync.Mutex

	failures int
	paused   bool
	probing  bool // a probe waits for its message, or the call of that runs
	probes   int  // failed probes
	timer    *time.Timer
	stopped  bool
}

// init prepares the streak of a row.
func (k *streak) init(s *subscriber) {
	cfg, _ := service.Lookup[Config](s.row.Host)
	k.pauses, k.first = &s.pauses, probeFirst
	if len(s.Retry) > 0 {
		k.limit = max(0, cmp.Or(cfg.PauseAfter, defaultPauseAfter))
	}
}

// An omen is what the end of a call says about the next one.
type omen int

const (
	silent omen = iota // says nothing
	good               // the next call may succeed
	bad                // the next call may fail too
)

// omen returns what the failure says about the next call. An expected error says that the method
// works; a body that does not fit, or a verdict of the method, says nothing.
func (f *failure) omen() omen {
	switch {
	case f.fate == givenBack, f.unreadable != nil, f.asked:
		return silent
	case f.reason == deadletter.Expected:
		return good
	}
	return bad
}

// note records the end of a call of a row that retries.
func (k *streak) note(o omen) {
	if k.limit == 0 {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.stopped {
		return
	}
	switch o {
	case good:
		k.failures = 0
		if k.paused {
			k.paused, k.probing, k.probes = false, false, 0
			k.timer.Stop()
			k.pauses.resume(k.reason())
		}
	case bad:
		k.failures++
		if !k.paused && k.failures == k.limit {
			k.paused = true
			k.pauses.pause(k.reason())
			k.wait()
		}
		if k.paused && k.probing {
			k.probes++
			k.wait()
		}
	case silent:
		if k.paused && k.probing {
			k.wait()
		}
	}
}

// wait schedules the next probe. The caller holds mu.
func (k *streak) wait() {
	k.probing = false
	d := min(k.first<<min(k.probes, 10), probeMost)
	k.timer = time.AfterFunc(d*3/4+rand.N(d/2+1), func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		if !k.paused || k.stopped {
			return
		}
		if k.probing = k.pauses.probe(k.reason()); !k.probing { // the row is paused for other reasons too
			k.wait()
		}
	})
}

func (k *streak) reason() string { return fmt.Sprintf("%d calls in a row have failed", k.limit) }

// stop ends the probes.
func (k *streak) stop() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.stopped = true
	if k.timer != nil {
		k.timer.Stop()
	}
}
