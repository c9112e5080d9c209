package interop_test

import (
	"os"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/internal/brokertest"
)

// TestKit runs the Python half of docs/testing.md: the Go half is run in servicetest.
func TestKit(t *testing.T) {
	cmd := python(t, "kit.py")
	cmd.Env = append(os.Environ(), "AMQP_URI="+brokertest.Embedded(t))
	cmd.Stderr = t.Output()
	out, err := cmd.Output()
	if got, want := strings.Count(string(out), "passed "), 6; err != nil || got != want {
		t.Errorf("got %v, %d tests passed, want %d:\n%s", err, got, want, out)
	}
}
