package service_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/service"
)

// Named returns the name of the process that runs it.
type Named struct {
	_ service.Name `service:"named"`

	Entrypoints struct {
		Tell Trigger `trigger:"tell"`
	}
}

func (*Named) Tell(ctx context.Context) (string, error) {
	slog.New(service.NewLogHandler(service.Logger(ctx).Handler())).InfoContext(ctx, "told")
	return service.FromContext(ctx).Instance, nil
}

// TestInstance compares the names of the process in its host, its calls and its log.
func TestInstance(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for _, given := range []string{"", "", "vm1/7-9f3c"} {
		j := new(journal)
		c, all := start(t, service.Config{Instance: given, Logger: j.logger()}, new(Named))
		name := c.Host().Instance()
		if given != "" && name != given || name == "" || names[name] {
			t.Errorf("got the name %q, want %q or a new one", name, given)
		}
		names[name] = true
		if got, err := all.fire(t.Context(), "named.tell"); got != name || err != nil {
			t.Errorf("the call: got %v, %v, want %q", got, err, name)
		}
		if log := j.take(); !strings.Contains(log, "msg=told service=named method=tell instance="+name) {
			t.Errorf("got the log %s, want it with the instance", log)
		}
	}
}
