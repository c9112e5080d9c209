package broker_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/internal/golden"
)

// TestPage writes docs/wire/broker.md from the rows of TestBehaviours, TestExceptions and
// TestViolations.
func TestPage(t *testing.T) {
	var b strings.Builder
	cell := func(s string) string { return strings.ReplaceAll(s, "|", `\|`) }
	rows := 0
	row := func(name, outcome, four string) {
		rows++
		fmt.Fprintf(&b, "| %s | %s | %s |\n", cell(name), cell(outcome), cell(four))
	}
	for _, group := range behaviours {
		fmt.Fprintf(&b, "\n## %s\n\n| Behaviour | Outcome | RabbitMQ 4 |\n| --- | --- | --- |\n", group.title)
		for _, r := range group.rows() {
			row(r.name, code(r.want), r.four)
		}
	}
	b.WriteString("\n## Mistakes\n\nA code below 500 closes the channel, any other the connection. Without a code, it is not an error.\n\n" +
		"| Mistake | Answer | RabbitMQ 4 |\n| --- | --- | --- |\n")
	for _, e := range slices.Concat(declarations, publishings, argumentExceptions()) {
		if e.code == 0 {
			row(e.name, "none", "")
		} else {
			row(e.name, fmt.Sprintf("%d %s", e.code, code(e.text)), "")
		}
	}
	b.WriteString("\n## Violations of the protocol\n\nWhere the text differs (\"our own\"), RabbitMQ's describes its internals.\n\n" +
		"| Violation | Answer | Words |\n| --- | --- | --- |\n")
	for _, v := range violations {
		if v.ours != "" {
			row(v.name, fmt.Sprintf("%d %s", v.code, code(v.ours)), "our own")
		} else {
			row(v.name, fmt.Sprintf("%d %s", v.code, code(v.text)), "")
		}
	}
	head := fmt.Sprintf("# The embedded broker and RabbitMQ\n\n"+
		"%d rows. Each is a test that has the same outcome on the embedded broker and on RabbitMQ 3.10. The\n"+
		"outcome is what the test observed; its source in `broker` explains the notation. The last column is\n"+
		"what RabbitMQ 4 does differently. TLS, logins by certificate, permissions, and the\n"+
		"limits of memory, queues, connections and users have separate tests, on both brokers too. The tests\n"+
		"write this page.\n", rows)
	golden.File(t, "../docs/wire/broker.md", []byte(head+b.String()))
}

// code formats an outcome as code.
func code(s string) string {
	if s == "" {
		return "nothing"
	}
	return "`" + s + "`"
}
