package broker_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/internal/golden"
)

// TestPage writes docs/wire/broker.md: every row of TestBehaviours, TestExceptions and TestViolations.
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
	b.WriteString("\n## Mistakes\n\nAn answer below 500 ends the channel, another the connection; no answer is no mistake.\n\n" +
		"| Mistake | Answer | RabbitMQ 4 |\n| --- | --- | --- |\n")
	for _, e := range slices.Concat(declarations, publishings, argumentExceptions()) {
		if e.code == 0 {
			row(e.name, "none", "")
		} else {
			row(e.name, fmt.Sprintf("%d %s", e.code, code(e.text)), "")
		}
	}
	b.WriteString("\n## Violations of the protocol\n\nWhere the words are our own, RabbitMQ's are of its inside.\n\n" +
		"| Violation | Answer | Words |\n| --- | --- | --- |\n")
	for _, v := range violations {
		if v.ours != "" {
			row(v.name, fmt.Sprintf("%d %s", v.code, code(v.ours)), "our own")
		} else {
			row(v.name, fmt.Sprintf("%d %s", v.code, code(v.text)), "")
		}
	}
	head := fmt.Sprintf("# The embedded broker beside RabbitMQ\n\n%d rows, each a test that runs on both and has the same outcome, "+
		"RabbitMQ 3.10 being the judge. An outcome is what the test saw, in the words of its source in `broker`. "+
		"What RabbitMQ 4 does otherwise is said in the last column. TLS and the limits of memory, queues and connections are "+
		"in tests of their own, on both too. The tests write this page.\n", rows)
	golden.File(t, "../docs/wire/broker.md", []byte(head+b.String()))
}

// code is what a test saw, as it stands.
func code(s string) string {
	if s == "" {
		return "nothing"
	}
	return "`" + s + "`"
}
