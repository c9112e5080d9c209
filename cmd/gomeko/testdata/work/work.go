// Package work is a service that tells what it does.
package work

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
)

// Worker works.
type Worker struct {
	_ service.Name `service:"worker"`

	Entrypoints struct {
		Double rpc.Method `rpc:"double(n)"`
		Wait   rpc.Method `rpc:"wait(who)"`
	}
}

// Double takes long enough for calls to run beside each other. It says on stderr which it has run.
func (*Worker) Double(_ context.Context, n int) (int, error) {
	<-time.After(20 * time.Millisecond)
	fmt.Fprintf(os.Stderr, "doubled %d\n", n)
	return 2 * n, nil
}

// Wait waits until its call is over, and says why it is.
func (*Worker) Wait(ctx context.Context, who string) error {
	fmt.Fprintf(os.Stderr, "%s waits\n", who)
	<-ctx.Done()
	fmt.Fprintf(os.Stderr, "%s is told: %v\n", who, context.Cause(ctx))
	return ctx.Err()
}
