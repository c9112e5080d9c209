package jobs

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// TestAlarm waits for pauses and alarms.
func TestAlarm(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, began := newAlarm(), time.Now()
		wait := func(wantRang bool, want time.Duration) {
			t.Helper()
			rang, ok := a.wait(t.Context(), time.Second)
			if took := time.Since(began); !ok || rang != wantRang || took != want {
				t.Errorf("got %v, %v after %s, want %v after %s", rang, ok, took, wantRang, want)
			}
			began = time.Now()
		}
		wait(false, time.Second)
		a.in(100 * time.Millisecond)
		a.in(300 * time.Millisecond)
		wait(true, 101*time.Millisecond)
		wait(false, time.Second)
		time.AfterFunc(500*time.Millisecond, func() { a.in(100 * time.Millisecond) })
		time.AfterFunc(550*time.Millisecond, func() { a.in(-time.Hour) })
		wait(true, 551*time.Millisecond)
		a.in(1500 * time.Millisecond)
		wait(false, time.Second)
		wait(true, 501*time.Millisecond)
		ended, end := context.WithCancel(t.Context())
		end()
		if _, ok := a.wait(ended, time.Second); ok {
			t.Error("it waits after the end of ctx")
		}
	})
}
