package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/internal/hosttest"
)

// Units are valid for systemd, which also rates them as well confined.
func TestSystemd(t *testing.T) {
	t.Parallel()
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		hosttest.Missing(t, "systemd-analyze is not installed: run scripts/setup")
	}
	config := configured(t, "gomeko: {grace: 40s}\n")
	for name, args := range map[string][]string{
		"one":     nil,
		"several": {"--procs", "4", "--user", "daemon", "--config", config},
	} {
		p := start(t, "", "", append([]string{"systemd", "./testdata/page", "--exec", gomeko}, args...)...)
		if status := p.Wait(); status != 0 {
			t.Fatalf("%s: got exit status %d", name, status)
		}
		file := filepath.Join(t.TempDir(), "page.service")
		if err := os.WriteFile(file, []byte(p.Stdout()), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(analyze, "verify", "--man=no", file).CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%s: systemd-analyze verify: %v\n%s\n%s", name, err, out, p.Stdout())
		}
		if out, err := exec.Command(analyze, "security", "--offline=yes", "--threshold=25", file).CombinedOutput(); err != nil {
			t.Errorf("%s: systemd-analyze security: %v\n%s", name, err, out)
		}
		for _, want := range map[string][]string{
			"one":     {"Type=notify\n", "DynamicUser=yes\n", "TimeoutStopSec=35\n", "StartLimitBurst=10\n", "WatchdogSec=30\n"},
			"several": {"--config /etc/page/broker.yaml --log-format json --procs 4\n", "ExecReload=/bin/kill -HUP $MAINPID\n", "User=daemon\n", "TimeoutStopSec=50\n"},
		}[name] {
			if !strings.Contains(p.Stdout(), want) {
				t.Errorf("%s: got\n%s\nwant in it %q", name, p.Stdout(), want)
			}
		}
	}
	check(t, "", []string{"systemd"}, 2, "", "systemd: which package?")
	check(t, "", []string{"systemd", "./testdata/page", "--procs", "0"}, 2, "", "--procs 0: must be at least 1")
}
