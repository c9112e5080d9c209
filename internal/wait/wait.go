// Package wait waits for a duration, or until something ends the wait.
package wait

import (
	"context"
	"time"
)

// For waits for d and returns true. If ctx ends first, it returns false.
func For(ctx context.Context, d time.Duration) bool { return Unless(ctx, d, nil) }

// Unless waits for d and returns true. If ctx ends or stop is closed first, it returns false.
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
