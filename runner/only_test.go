//go:build unix

package runner

import (
	"context"
	"strings"
	"testing"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
)

// Watch is a service with two methods.
type Watch struct {
	_ service.Name `service:"watch"`

	Entrypoints struct {
		Hour   rpc.Method `rpc:"hour"`
		Minute rpc.Method `rpc:"minute"`
	}
}

func (*Watch) Hour(context.Context) (int, error)   { return 7, nil }
func (*Watch) Minute(context.Context) (int, error) { return 30, nil }

// TestOnly runs some rows of a program: Torch, which fails after its start, is left out.
func TestOnly(t *testing.T) {
	opts := []fx.Option{service.Provide(new(Clock)), service.Provide(new(Torch)), service.Provide(new(Watch))}
	for _, args := range [][]string{
		{"--only=clock.Now"},
		{"run", "--only", "clock.Now, watch.Hour", "--only", "watch.Minute"},
	} {
		out := &output{on: map[string]func(){"Connected to": terminate}}
		if status, _ := execute(t, out, opts, args...); status != 0 {
			t.Errorf("%s: got exit status %d, want 0:\n%s", args, status, out)
		}
	}
	for args, want := range map[string]string{
		"--only clock":      `must be rows such as images.Resize`,
		"--only clock.Nwo":  `no such row "clock.Nwo": did you mean clock.Now?`,
		"--only watch.Hour": `service watch: its methods share a queue, and this process would refuse the calls of some: add watch.Minute to --only`,
	} {
		out := &output{}
		if status, _ := execute(t, out, opts, strings.Fields("run "+args)...); status == 0 || !strings.Contains(out.String(), want) {
			t.Errorf("%s: got exit status %d:\n%s\nwant %s", args, status, out, want)
		}
	}
}
