package service_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/service"
)

func TestParseLadder(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]service.Ladder{
		"1s 10s*3 10m":   {time.Second, 10 * time.Second, 10 * time.Second, 10 * time.Second, 10 * time.Minute},
		"200ms 1s":       {200 * time.Millisecond, time.Second},
		" 1.5s ":         {1500 * time.Millisecond},
		"1h30m*2 90m 1s": {90 * time.Minute, 90 * time.Minute, 90 * time.Minute, time.Second},
		"720h":           {service.MaxDelay},
		"off":            nil,
	} {
		got, err := service.ParseLadder(text)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: got %v, %v, want %v", text, got, err, want)
		}
		if again, err := service.ParseLadder(got.String()); err != nil || !slices.Equal(again, want) {
			t.Errorf("%q is written as %q: got %v, %v", text, got, again, err)
		}
	}
	for text, want := range map[string]string{
		"":                   `must have delays, as in retry:"1s 10s*3 10m"`,
		"10":                 `"10" has no unit: write 10s or 10ms`,
		"1s 10*3":            `"10*3" has no unit: write 10s or 10ms`,
		"1s, 2s":             `"1s," is not a delay: write a number with the unit ms, s, m or h`,
		"1d":                 `"1d" is not a delay`,
		"-1s":                "at least 1ms",
		"0":                  "at least 1ms",
		"1us":                "whole milliseconds",
		"1s*0":               "from 1 to 1000 times",
		"1s*x":               "from 1 to 1000 times",
		"1s*1000 2s":         "at most 1000 delays",
		"721h":               `"721h" is longer than 720h, the longest delay`,
		"off 1s":             `"off" is not a delay`,
		seconds(17):          "at most 16 different delays",
		"9999999999999999h ": `is not a delay`,
	} {
		if got, err := service.ParseLadder(text); err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "retry: ") {
			t.Errorf("%q: got %v, %v, want %q", text, got, err, want)
		}
	}
}

// seconds returns a ladder of n different delays.
func seconds(n int) string {
	var words []string
	for i := range n {
		words = append(words, fmt.Sprintf("%ds", i+1))
	}
	return strings.Join(words, " ")
}

func TestLadderDelay(t *testing.T) {
	t.Parallel()
	l := service.Ladder{time.Second, time.Minute}
	for attempt, want := range []time.Duration{0, time.Second, time.Minute, 0} {
		if got, ok := l.Delay(attempt); got != want || ok != (want > 0) {
			t.Errorf("attempt %d: got %v, %v, want %v", attempt, got, ok, want)
		}
	}
	if _, ok := service.Ladder(nil).Delay(1); ok {
		t.Error("a ladder without delays has one")
	}
}

func TestLadderAfter(t *testing.T) {
	t.Parallel()
	own := service.Ladder{10 * time.Second, 2 * time.Second, 10 * time.Second}
	for _, test := range []struct {
		ladder  service.Ladder
		d, want time.Duration
	}{
		{own, 2 * time.Second, 2 * time.Second},
		{own, 3 * time.Second, 10 * time.Second},
		{own, 11 * time.Second, 15 * time.Second},
		{own, 0, 2 * time.Second},
		{own, -time.Second, 2 * time.Second},
		{nil, 0, time.Second},
		{nil, time.Minute, time.Minute},
		{nil, 24 * time.Hour, 24 * time.Hour},
		{nil, 24*time.Hour + 1, 0},
		{service.Ladder{48 * time.Hour}, 25 * time.Hour, 48 * time.Hour},
		{service.Ladder{48 * time.Hour}, 49 * time.Hour, 0},
	} {
		got, err := test.ladder.After(test.d)
		if got != test.want || (err == nil) != (test.want > 0) {
			t.Errorf("%v after %v: got %v, %v, want %v", test.ladder, test.d, got, err, test.want)
		}
	}
}

func ExampleParseLadder() {
	ladder, err := service.ParseLadder("1s 10s*3 10m")
	fmt.Println(len(ladder), ladder, err)
	_, err = service.ParseLadder("10")
	fmt.Println(err)
	// Output:
	// 5 1s 10s*3 10m <nil>
	// retry: "10" has no unit: write 10s or 10ms, as in retry:"1s 10s*3 10m"
}
