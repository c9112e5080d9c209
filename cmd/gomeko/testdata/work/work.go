// Package work is a service that reports its calls on stderr.
package work

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
)

// Worker reports its calls.
type Worker struct {
	_ service.Name `service:"worker"`

	Entrypoints struct {
		Double rpc.Method `rpc:"double(n)"`
		Wait   rpc.Method `rpc:"wait(who)"`
	}
}

// Double takes some time, so that calls overlap. It reports each call.
func (*Worker) Double(_ context.Context, n int) (int, error) {
	<-time.After(20 * time.Millisecond)
	fmt.Fprintf(os.Stderr, "doubled %d\n", n)
	return 2 * n, nil
}

// Wait waits until its context ends, and reports the cause.
func (*Worker) Wait(ctx context.Context, who string) error {
	fmt.Fprintf(os.Stderr, "%s waits\n", who)
	<-ctx.Done()
	fmt.Fprintf(os.Stderr, "%s was cancelled: %v\n", who, context.Cause(ctx))
	return ctx.Err()
}
