package wait_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gomeko/gomeko/internal/wait"
)

// TestUnless ends waits by their duration, their context and their channel.
func TestUnless(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		if !wait.For(t.Context(), time.Minute) || time.Since(began) != time.Minute {
			t.Errorf("waited for %s", time.Since(began))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if wait.For(ctx, time.Minute) {
			t.Error("the wait outlived its context")
		}
		stop := make(chan struct{})
		time.AfterFunc(time.Second, func() { close(stop) })
		if wait.Unless(t.Context(), time.Minute, stop) {
			t.Error("the wait outlived its channel")
		}
	})
}
