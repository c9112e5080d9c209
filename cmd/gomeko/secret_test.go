package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
)

// No command prints a secret from the configuration or from its command line.
func TestSecretsAreNotPrinted(t *testing.T) {
	t.Parallel()
	uri, nowhere := brokertest.Embedded(t), hosttest.FreeAddress(t)
	file := filepath.Join(t.TempDir(), "config.yaml")
	text := "AMQP_URI: " + uri + "\nshared: &s hunter2\npassword: *s\nheaders: {authorization: Bearer hunter2}\nurl: https://u:hunter2@h/\nmax_workerz: x:hunter2@y\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		stdin string
		args  []string
		want  string // on stdout
	}{
		{"", []string{"show-config", "--config", file}, "shared: '**'"},
		{"print(n.config)", []string{"shell", "--config", file}, "'password': '**'"},
		{"fail(n.config['url'])", []string{"shell", "--config", file}, ""},
		{"", []string{"call", "a.b", "--config", file}, ""},
		{"", []string{"call", "a.b", "--broker", "amqp://u:hunter2@" + nowhere}, ""},
		{"", []string{"call", "a.b", "--broker", "amqp//u:hunter2@" + nowhere}, ""},
		{"", []string{"call", "a.b", "--broker", "amqp://u:hunter2@" + nowhere + ":x"}, ""},
		{"", []string{"amqp://u:hunter2@" + nowhere}, ""},
		{"", []string{"broker", "status", "--management", "http://u:hunter2@" + nowhere}, ""},
		{"", []string{"broker", "status", "--management", "http://u:hunter2@" + nowhere + ":x"}, ""},
		{"", []string{"broker", "status", "http://u:hunter2@" + nowhere}, ""},
	} {
		p := start(t, "", test.stdin, test.args...)
		p.Wait()
		if out := p.Stdout(); strings.Contains(out+p.Stderr(), "hunter2") || !strings.Contains(out, test.want) {
			t.Errorf("%q: got the secret, or not %q, in:\n%s\n%s", test.args, test.want, out, p.Stderr())
		}
	}
}

// show-config shows the effective configuration. Without --config, commands read no file.
func TestShowConfigWithoutFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "config.yaml"), []byte("AMQP_URI: amqp://u:hunter2@h/\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, dir, "", "show-config", "--broker", "amqp://u:hunter2@"+hosttest.FreeAddress(t))
	if status := p.Wait(); status != 0 || p.Stdout() != "" {
		t.Errorf("got exit status %d and %q, want 0 and nothing", status, p.Stdout())
	}
	for _, want := range []string{"every key has its default\n", "config.yaml in this folder is not read: pass it to all commands with --config config.yaml\n", "broker: amqp://u:**@127.0.0.1"} {
		if !strings.Contains(p.Stderr(), want) {
			t.Errorf("got:\n%s\nwant %s in it", p.Stderr(), want)
		}
	}
}
