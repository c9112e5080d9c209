// Package wait waits for a time, or until something ends the wait.
package wait

import (
	"context"
	"time"
)

// For waits for d, and reports whether it is over. It returns false if ctx ends first.
func For(ctx context.Context, d time.Duration) bool { return Unless(ctx, d, nil) }

// Unless waits for d, and reports whether it is over. It returns false if ctx ends first, or if
// stop is closed.
func Unless(ctx context.Context, d time.Duration, stop <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-stop:
		return false
	case <-ctx.Done():
		return false
	}
}
