package supervisor

import (
	"testing"
	"time"
)

// These tests are in the package to control the times of deaths.

func TestRate(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Rate{"10/5s": {10, 5 * time.Second}, "1/1m30s": {1, 90 * time.Second}, "none": {}} {
		var got Rate
		if err := got.Set(text); err != nil || got != want || got.String() != text {
			t.Errorf("%s: got %+v, %s, %v, want %+v", text, got, got.String(), err, want)
		}
	}
	for _, text := range []string{"", "10", "0/5s", "-1/5s", "a/5s", "10/5", "10/-5s", "10/0s"} {
		if got := DefaultRate; got.Set(text) == nil {
			t.Errorf("%q: got %+v, want an error", text, got)
		}
	}
}

// Ten deaths within five seconds are within the limit, the eleventh exceeds it.
func TestTally(t *testing.T) {
	t.Parallel()
	now := time.Now()
	fast, slow, any := tally{Rate: DefaultRate}, tally{Rate: DefaultRate}, tally{}
	for n := 1; n <= 100; n++ {
		if got, want := fast.add(now.Add(time.Duration(n)*400*time.Millisecond)), n > 10; got != want {
			t.Fatalf("death %d, one each 0.4 s: got %t, want %t", n, got, want)
		}
		if slow.add(now.Add(time.Duration(n) * 500 * time.Millisecond)) {
			t.Fatalf("death %d, one each 0.5 s: got too many", n)
		}
		if any.add(now) {
			t.Fatalf("death %d: got too many, but any number is borne", n)
		}
	}
}

// A process that keeps dying at once is eventually given up: its delays are short enough.
func TestDelay(t *testing.T) {
	t.Parallel()
	for _, rate := range []Rate{DefaultRate, {1, time.Second}, {100, time.Second}} {
		deaths, now := tally{Rate: rate}, time.Now()
		for n := 1; !deaths.add(now); n++ {
			if n > rate.Deaths {
				t.Errorf("%s: %d deaths are borne", rate.String(), n)
				break
			}
			now = now.Add(rate.Within/time.Duration(4*rate.Deaths) + rate.delay(n, time.Millisecond))
		}
	}
	if got := DefaultRate.delay(1, time.Minute); got != firstDelay {
		t.Errorf("got a first delay of %s", got)
	}
	if got := DefaultRate.delay(50, time.Minute); got != maxDelay {
		t.Errorf("got a 50th delay of %s, want %s", got, maxDelay)
	}
	if got := (Rate{}).delay(50, 0); got != maxDelay {
		t.Errorf("got a 50th delay of %s, want %s", got, maxDelay)
	}
}
