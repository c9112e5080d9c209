package main_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/events"
	"github.com/gomeko/gomeko/internal/golden"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/transport"
)

// masks replace what differs from run to run in the transcripts of docs/shell.md.
var masks = []struct {
	from *regexp.Regexp
	to   string
}{
	{regexp.MustCompile(`main_test\.`), "orders."},
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "localhost:5672"},
	{regexp.MustCompile(`\b\d+(\.\d+)?(e\+\d+)? (s|ms|µs)\b`), "…"},
	{regexp.MustCompile(`(calls   |rate    )\d+`), "$1…"},
	{regexp.MustCompile(`errors  \d+: \d+ NotFound`), "errors  …: … NotFound"},
	{regexp.MustCompile(`(v1\.4\.2) +\d+ +(\d+) +(\d+) +\d+ +(\d+) +[\d.e-]+`), "$1   …       $2     $3      …      $4       …"},
	{regexp.MustCompile(`((?m:^order_created .*)\n?)+`), "order_created {'id': 3, 'product': 'pen', 'year': 2026}"},
}

// TestShellTranscripts writes what a user sees into docs/shell.md: each block there that follows
// <!-- shell: NAME --> is one of these sessions.
func TestShellTranscripts(t *testing.T) {
	t.Parallel()
	s := newStationer()
	other := &stationer{Waits: s.Waits, Ended: s.Ended} // either may receive a call
	term := openShell(t, 60, nil, s, other)
	dispatch := events.NewDispatcher(hosttest.Dial(t, transport.Config{URI: term.broker}), "orders")
	const page = "../../docs/shell.md"
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	for _, session := range []struct {
		name string
		run  func()
	}{
		{"completion", func() {
			term.typed("n.rpc.orders.")
			term.complete("create get list wait\n>>> n.rpc.orders.")
			term.typed("list(")
			term.complete("year= limit=\n>>> n.rpc.orders.list(")
			term.enter("year=2026, limit=1)", "2026}]\n>>>")
		}},
		{"help", func() {
			term.enter("help(n.rpc.orders)", "Waits for the post.\n>>>")
			term.enter("help(n.rpc.orders.get)", "integer  required\n>>>")
		}},
		{"services", func() {
			term.enter("n.services", "vm2/4711")
			term.wait("\n>>>")
			term.enter(`n.rpc.orders.get.at("vm2/4711")(2)`, "'ink', 'year': 2026}\n>>>")
		}},
		{"bench", func() {
			term.enter("n.rpc.orders.get.bench(1, callers=8, seconds=0.2)", "errors  0\n>>>")
			term.enter("n.rpc.orders.get.bench(3, callers=8, seconds=0.2)", "NotFound\n>>>")
			term.enter("time(n.rpc.orders.get(1))", "'pen', 'year': 2026}\n>>>")
		}},
		{"watch", func() {
			term.typed(`watch("orders", "order_created")`)
			term.press("Enter")
			hosttest.Eventually(t, "an event", func() bool {
				if err := dispatch(t.Context(), "order_created", Order{3, "pen", 2026}); err != nil {
					t.Fatal(err)
				}
				return strings.Contains(term.screen(), "order_created {")
			})
			term.press("C-c")
			term.wait("\n>>>")
		}},
		{"table", func() {
			term.enter("table(n.rpc.orders.list(2026, limit=3))", "3   pen      2026\n>>>")
		}},
		{"lines", func() {
			term.enter("def product(id):", "...")
			term.enter(`    return n.rpc.orders.get(id)["product"]`, "...")
			term.enter("", ">>>")
			term.enter("[product(id)", "...")
			term.enter(" for id in (1, 2)]", "['pen', 'ink']\n>>>")
		}},
		{"interrupt", func() {
			term.typed("n.rpc.orders.wait()")
			term.press("Enter")
			hosttest.Receive(t, "the call", s.Waits)
			term.press("C-c")
			term.wait("interrupted\n>>>")
		}},
	} {
		term.press("C-l")
		hosttest.Eventually(t, "an empty screen", func() bool { return term.screen() == ">>>" })
		term.tmux("clear-history")
		session.run()
		shown := strings.TrimSuffix(term.all(), "\n>>>")
		for _, m := range masks {
			shown = m.from.ReplaceAllString(shown, m.to)
		}
		mark := "<!-- shell: " + session.name + " -->\n"
		at := strings.Index(text, mark)
		if at < 0 {
			t.Fatalf("docs/shell.md has no block %s", mark)
		}
		at += len(mark)
		rest := text[at:]
		if strings.HasPrefix(rest, "```\n") {
			rest = rest[strings.Index(rest[4:], "```\n")+8:]
		}
		text = text[:at] + "```\n" + shown + "\n```\n" + rest
	}
	golden.File(t, page, []byte(text))
}
