package crew_test

import (
	"regexp"
	"strings"
	"testing"
)

// A document is a page with commands and their output.
type document struct {
	text     string
	gomeko   [][]string // the arguments of gomeko
	commands []command  // the others
}

// A command is a line of a console, and the output below it.
type command struct {
	line       string
	worker     workerState
	start, end int // of the output
}

// A workerState says whether a worker runs.
type workerState string

const (
	absent  workerState = "before a worker has started"
	running workerState = ""
	stopped workerState = "after the workers have stopped"
)

var (
	console = regexp.MustCompile("(?ms)^```console\n(.*?)^```$")
	prompt  = regexp.MustCompile(`(?m)^\$ (.*)\n`)
	heading = regexp.MustCompile(`(?m)^### (.*)$`)
)

// parse finds the commands of a page. The heading above a command says whether a worker is running.
func parse(t *testing.T, text string) *document {
	t.Helper()
	d := &document{text: text}
	for _, block := range console.FindAllStringSubmatchIndex(text, -1) {
		start, end := block[2], block[3]
		lines := prompt.FindAllStringSubmatchIndex(text[start:end], -1)
		for i, at := range lines {
			line := text[start+at[2] : start+at[3]]
			if args, ok := strings.CutPrefix(line, "go run ./cmd/gomeko "); ok {
				d.gomeko = append(d.gomeko, strings.Fields(args))
				continue
			}
			c := command{line: line, start: start + at[1], end: end, worker: stateAt(text[:start])}
			if i+1 < len(lines) {
				c.end = start + lines[i+1][0]
			}
			d.commands = append(d.commands, c)
		}
	}
	if len(d.commands) == 0 {
		t.Fatal("the page has no commands")
	}
	return d
}

// stateAt returns the state that the last heading of a text names.
func stateAt(text string) workerState {
	if all := heading.FindAllString(text, -1); len(all) > 0 {
		for _, state := range []workerState{absent, stopped} {
			if strings.Contains(all[len(all)-1], string(state)) {
				return state
			}
		}
	}
	return running
}

// line returns the arguments of the line of gomeko with this word.
func (d *document) line(t *testing.T, word string) []string {
	t.Helper()
	for _, args := range d.gomeko {
		for _, arg := range args {
			if arg == word {
				return args
			}
		}
	}
	t.Fatalf("the page has no line of gomeko with %s", word)
	return nil
}

// with returns the page with the outputs of the commands.
func (d *document) with(outputs map[int]string) string {
	var b strings.Builder
	at := 0
	for i, c := range d.commands {
		b.WriteString(d.text[at:c.start] + outputs[i])
		at = c.end
	}
	return b.String() + d.text[at:]
}

// compare compares outputs with those of the page.
func (d *document) compare(t *testing.T, outputs map[int]string) {
	t.Helper()
	for i, got := range outputs {
		c := d.commands[i]
		if want := d.text[c.start:c.end]; got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.line, got, want)
		}
	}
}
