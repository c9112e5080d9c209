package hosttest

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Prometheus returns the paths of Debian's Prometheus and promtool. If they are not installed, the
// test is skipped, or fails if CI=true.
func Prometheus(t testing.TB) (server, promtool string) {
	t.Helper()
	server, err := exec.LookPath("prometheus")
	if err == nil {
		promtool, err = exec.LookPath("promtool")
	}
	if err != nil {
		Missing(t, err.Error()+": run scripts/setup")
	}
	return server, promtool
}

// StatsD returns the command line of the original StatsD, without the path of its configuration
// file. If it is not installed, the test is skipped, or fails if CI=true.
func StatsD(t testing.TB) []string {
	t.Helper()
	dir := filepath.Join(Root(t), ".statsd")
	if _, err := os.Stat(filepath.Join(dir, "installed.json")); err != nil {
		Missing(t, "no StatsD in "+dir+": run scripts/setup")
	}
	node, err := exec.LookPath("node")
	if err != nil {
		Missing(t, err.Error()+": run scripts/setup")
	}
	return []string{node, filepath.Join(dir, "node_modules", "statsd", "stats.js")}
}

// Axe returns the script of axe-core, which finds accessibility problems in a page. If it is not
// installed, the test is skipped, or fails if CI=true.
func Axe(t testing.TB) string {
	t.Helper()
	script, err := os.ReadFile(filepath.Join(Root(t), ".axe", "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		Missing(t, err.Error()+": run scripts/setup")
	}
	return string(script)
}
