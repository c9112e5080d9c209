package hosttest

import (
	"os"
	"testing"
	"time"
)

// Timeout is how long helpers wait for an event before they fail the test. It is far longer than
// anything should take, even on a busy machine.
const Timeout = 2 * time.Minute

// Receive returns the next value from a channel, or the zero value if the channel is closed. It
// fails the test after [Timeout]; what names the awaited event in the message.
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

// Next returns the next value from a channel of deliveries, lines or the like. It fails the test
// after [Timeout], or if the channel is closed.
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

// Closed receives from a channel until it is closed. It fails the test after [Timeout]; what names
// the awaited end in the message.
func Closed[T any](t testing.TB, what string, from <-chan T) {
	t.Helper()
	timeout := time.NewTimer(Timeout)
	defer timeout.Stop()
	for {
		select {
		case _, open := <-from:
			if !open {
				return
			}
		case <-timeout.C:
			t.Fatalf("%s: not within %s", what, Timeout)
		}
	}
}

// Eventually waits until isSo returns true, polling as [Poll] does. It fails the test after
// [Timeout]. It is for conditions that no channel reports.
func Eventually(t testing.TB, what string, isSo func() bool) {
	t.Helper()
	if !Poll(func() (done, ok bool) { done = isSo(); return done, done }) {
		t.Fatalf("%s: not within %s", what, Timeout)
	}
}

// Poll calls try up to ten times a second, and returns the first value that is ok. After [Timeout]
// it returns the last value; the test must then report what is wrong with it.
func Poll[T any](try func() (v T, ok bool)) T {
	deadline := time.Now().Add(Timeout)
	for pause := time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		if v, ok := try(); ok || time.Now().After(deadline) {
			return v
		}
		time.Sleep(pause)
	}
}

// Missing skips a test that lacks a requirement, or fails it if CI=true. The message says what is
// missing and how to get it.
func Missing(t testing.TB, message string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(message)
	}
	t.Skip(message)
}
