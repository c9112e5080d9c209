package supervisor

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A Rate is how many deaths within how long are borne. The zero value bears any number.
type Rate struct {
	Deaths int
	Within time.Duration
}

// DefaultRate is Upstart's: respawn limit 10 5.
var DefaultRate = Rate{10, 5 * time.Second}

// Set implements pflag.Value: it reads 10/5s, or none.
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

// String returns the text that Set reads.
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
	deaths []time.Time // within the last Within
}

// add counts a death, and reports whether there are too many.
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

// delay returns how long to wait before a process is started again that has died for the nth time
// in a row, the last time after it has lived for lived. Processes that die at once are not delayed
// so long that their deaths are borne.
func (r Rate) delay(n int, lived time.Duration) time.Duration {
	longest := maxDelay
	if r.Deaths > 0 && lived < r.Within/time.Duration(r.Deaths) {
		longest = min(longest, r.Within/time.Duration(4*r.Deaths))
	}
	return min(longest, firstDelay<<min(n-1, 20))
}
