package hosttest

import (
	"os"
	"testing"
	"time"
)

// Timeout is how long helpers wait for an event before they fail the test. It is far more than
// anything takes that is not broken, on a busy machine too.
const Timeout = 2 * time.Minute

// Receive returns the next value of from, or the zero value if from is closed. It fails the test
// after [Timeout]; what says in the message what was waited for.
func Receive[T any](t testing.TB, what string, from <-chan T) T {
	t.Helper()
	timeout := time.NewTimer(Timeout)
	defer timeout.Stop()
	select {
	case v := <-from:
		return v
	case <-timeout.C:
		t.Fatalf("%s: not within %s", what, Timeout)
	}
	panic("unreachable")
}

// Next returns the next value of from, as deliveries or lines come. It fails the test after
// [Timeout], and if from is closed.
func Next[T any](t testing.TB, from <-chan T) T {
	t.Helper()
	timeout := time.NewTimer(Timeout)
	defer timeout.Stop()
	select {
	case v, ok := <-from:
		if !ok {
			t.Fatalf("the channel of %T is closed", v)
		}
		return v
	case <-timeout.C:
		t.Fatalf("no %T within %s", *new(T), Timeout)
	}
	panic("unreachable")
}

// Eventually returns when ok returns true. It asks every few milliseconds and fails the test after
// [Timeout]; it is for conditions that no channel reports.
func Eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(Timeout); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %s", what, Timeout)
		}
	}
}

// Missing skips a test whose requirement is not installed. With CI=true nothing may be skipped: the
// test fails. The message says what is missing and how to get it.
func Missing(t testing.TB, message string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(message)
	}
	t.Skip(message)
}
