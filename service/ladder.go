package service

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Ladder lists the delays between the attempts of a call; the first delay follows the first
// attempt. The key retry of a row's tag sets it. With a nil Ladder, nothing is retried.
type Ladder []time.Duration

// Limits of a Ladder.
const (
	MaxRetries     = 1000                // delays of a ladder
	MaxLevels      = 16                  // different delays: each is a queue of the broker
	MaxDelay       = 30 * 24 * time.Hour // the longest
	exampleOfRetry = `as in retry:"1s 10s*3 10m"`
)

// laterDelays are available to RetryAfter in every row.
var laterDelays = Ladder{time.Second, 5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute,
	15 * time.Minute, time.Hour, 6 * time.Hour, 24 * time.Hour}

// LaterDelays returns the delays that [RetryAfter] selects from if no delay of the row's ladder is
// long enough: 1s 5s 15s 1m 5m 15m 1h 6h 24h.
func LaterDelays() []time.Duration { return slices.Clone(laterDelays) }

// ParseLadder parses delays separated by spaces. A repeated delay may be written once with a count:
// "1s 10s*3 10m" has five delays. "off" means no delays, which lets a row opt out of the configured
// default. The error says what to write.
func ParseLadder(text string) (Ladder, error) {
	if strings.TrimSpace(text) == "off" {
		return nil, nil
	}
	var l Ladder
	var levels []time.Duration
	for _, word := range strings.Fields(text) {
		d, times, err := parseStep(word)
		if err != nil {
			return nil, err
		}
		if len(l)+times > MaxRetries {
			return nil, fmt.Errorf("retry: must have at most %d delays: end with a longer one, such as 1h*24", MaxRetries)
		}
		l = append(l, slices.Repeat([]time.Duration{d}, times)...)
		if !slices.Contains(levels, d) {
			levels = append(levels, d)
		}
	}
	switch {
	case len(l) == 0:
		return nil, errors.New(`retry: must have delays, ` + exampleOfRetry + `, or be "off"`)
	case len(levels) > MaxLevels:
		return nil, fmt.Errorf("retry: must have at most %d different delays, because each is a queue of the broker, not %d: repeat one, as in 10s*3", MaxLevels, len(levels))
	}
	return l, nil
}

// parseStep reads 10s or 10s*3.
func parseStep(word string) (d time.Duration, times int, err error) {
	delay, count, repeated := strings.Cut(word, "*")
	times = 1
	if repeated {
		if times, err = strconv.Atoi(count); err != nil || times < 1 || times > MaxRetries {
			return 0, 0, fmt.Errorf("retry: %q must repeat a delay from 1 to %d times, %s", word, MaxRetries, exampleOfRetry)
		}
	}
	if _, err = strconv.ParseFloat(delay, 64); err == nil && delay != "0" {
		return 0, 0, fmt.Errorf("retry: %q has no unit: write %ss or %[2]sms, %s", word, delay, exampleOfRetry)
	}
	d, err = time.ParseDuration(delay)
	switch {
	case err != nil:
		return 0, 0, fmt.Errorf("retry: %q is not a delay: write a number with the unit ms, s, m or h, %s", word, exampleOfRetry)
	case d < time.Millisecond || d%time.Millisecond != 0:
		return 0, 0, fmt.Errorf("retry: %q must be whole milliseconds, at least 1ms", word)
	case d > MaxDelay:
		return 0, 0, fmt.Errorf("retry: %q is longer than %s, the longest delay", word, brief(MaxDelay))
	}
	return d, times, nil
}

// String returns the ladder as it is written in a tag.
func (l Ladder) String() string {
	if len(l) == 0 {
		return "off"
	}
	var words []string
	for i := 0; i < len(l); {
		n := 1
		for i+n < len(l) && l[i+n] == l[i] {
			n++
		}
		word := brief(l[i])
		if n > 1 {
			word += "*" + strconv.Itoa(n)
		}
		words = append(words, word)
		i += n
	}
	return strings.Join(words, " ")
}

// brief returns d as people write it: 10m, not 10m0s.
func brief(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// Delay returns the delay that follows the given attempt, counted from 1, and false if the ladder
// has no more delays.
func (l Ladder) Delay(attempt int) (time.Duration, bool) {
	if attempt < 1 || attempt > len(l) {
		return 0, false
	}
	return l[attempt-1], true
}

// After returns the delay that RetryAfter(d) is rounded up to: the ladder's shortest delay of at
// least d or, if it has none, the shortest such delay of [LaterDelays]. It returns an error if d is
// longer than all of these.
func (l Ladder) After(d time.Duration) (time.Duration, error) {
	for _, levels := range []Ladder{l, laterDelays} {
		if level := levels.shortest(d); level > 0 {
			return level, nil
		}
	}
	longest := max(slices.Max(laterDelays), slices.Max(append(slices.Clone(l), 0)))
	return 0, fmt.Errorf("service.RetryAfter(%s): the longest delay of the row is %s: add a longer one to its retry, or return service.Park", d, brief(longest))
}

// shortest returns the shortest delay that is at least d, 0 if there is none.
func (l Ladder) shortest(d time.Duration) (level time.Duration) {
	for _, step := range l {
		if step >= d && (level == 0 || step < level) {
			level = step
		}
	}
	return level
}
