package supervisor

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A Rate limits the number of deaths within a time. The zero value has no limit.
type Rate struct {
	Deaths int
	Within time.Duration
}

// DefaultRate is the default of Upstart: respawn limit 10 5.
var DefaultRate = Rate{10, 5 * time.Second}

// Set implements pflag.Value. It parses texts such as 10/5s, or none.
func (r *Rate) Set(text string) error {
	if text == "none" {
		*r = Rate{}
		return nil
	}
	deaths, within, _ := strings.Cut(text, "/")
	n, err := strconv.Atoi(deaths)
	d, durationErr := time.ParseDuration(within)
	if err != nil || durationErr != nil || n < 1 || d <= 0 {
		return fmt.Errorf("must be DEATHS/DURATION, as in %s, or none", DefaultRate.String())
	}
	*r = Rate{n, d}
	return nil
}

// String returns the rate in the format that Set parses.
func (r *Rate) String() string {
	if r.Deaths == 0 {
		return "none"
	}
	return strconv.Itoa(r.Deaths) + "/" + r.Within.String()
}

// Type implements pflag.Value.
func (r *Rate) Type() string { return "rate" }

// A tally counts deaths.
type tally struct {
	Rate
	deaths []time.Time // within the time Within
}

// add counts a death, and reports whether the limit is exceeded.
func (t *tally) add(now time.Time) bool {
	if t.Deaths == 0 {
		return false
	}
	for len(t.deaths) > 0 && now.Sub(t.deaths[0]) >= t.Within {
		t.deaths = t.deaths[1:]
	}
	t.deaths = append(t.deaths, now)
	return len(t.deaths) > t.Deaths
}

const (
	firstDelay = 10 * time.Millisecond
	maxDelay   = 5 * time.Second
)

// delay returns how long to wait before restarting a process that died for the nth time in a row,
// having lived for lived. For processes that die at once, the delay is short enough that their
// deaths exceed the limit.
func (r Rate) delay(n int, lived time.Duration) time.Duration {
	longest := maxDelay
	if r.Deaths > 0 && lived < r.Within/time.Duration(r.Deaths) {
		longest = min(longest, r.Within/time.Duration(4*r.Deaths))
	}
	return min(longest, firstDelay<<min(n-1, 20))
}
