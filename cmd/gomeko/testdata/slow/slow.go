// Package slow is a service with a slow method.
package slow

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
)

// Sloth sleeps.
type Sloth struct {
	_ service.Name `service:"sloth"`

	Entrypoints struct {
		Sleep rpc.Method `rpc:"sleep(seconds)"`
	}
}

// Sleep reports on stderr when it begins.
func (*Sloth) Sleep(_ context.Context, seconds float64) (string, error) {
	fmt.Fprintln(os.Stderr, "sloth sleeps")
	<-time.After(time.Duration(seconds * float64(time.Second)))
	return "slept", nil
}
