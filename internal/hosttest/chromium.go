package hosttest

import (
	"os/exec"
	"testing"
)

// Chromium returns the path of Chromium. If it is not installed, the test is skipped, or fails if
// CI=true.
func Chromium(t testing.TB) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	Missing(t, "no Chromium is installed: run scripts/setup")
	return ""
}
