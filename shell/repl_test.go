package shell

import (
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/peterh/liner"
)

// The loop is tested from inside the package, because Interact needs a terminal.

// typed is a person who types lines; "^C" stands for Ctrl-C.
type typed struct {
	lines   []string
	prompts strings.Builder
	history []string
}

func (p *typed) Prompt(prompt string) (string, error) {
	p.prompts.WriteString(prompt)
	if len(p.lines) == 0 {
		return "", io.EOF
	}
	line := p.lines[0]
	p.lines = p.lines[1:]
	if line == "^C" {
		return "", liner.ErrPromptAborted
	}
	return line, nil
}

func (p *typed) AppendHistory(line string) { p.history = append(p.history, line) }

func TestLoop(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		lines            []string
		out, err, prompt string
	}{
		"values":      {lines: []string{`"a"`, "None", "1.0", "[_, None]", "x = 1", "x"}, out: "'a'\n1.0\n[1.0, None]\n1\n", prompt: ">>> >>> >>> >>> >>> >>> >>> "},
		"function":    {lines: []string{"def f(x):", "  return x + 1", "", "f(1)"}, out: "2\n", prompt: ">>> ... ... >>> >>> "},
		"loop":        {lines: []string{"for i in range(2):", "  print(i)", ""}, out: "0\n1\n", prompt: ">>> ... ... >>> "},
		"brackets":    {lines: []string{"[1,", "2]"}, out: "[1, 2]\n", prompt: ">>> ... >>> "},
		"goes on":     {lines: []string{"1 // 0", "x y", "nope", "import os", "1 is 1", "3"}, out: "3\n", err: "floored division by zero\nsyntax error: got identifier, want newline\nNameError: nope is not defined; to call a service, write n.rpc.nope\nthere is no import; n, print and Starlark's functions are always defined\nthere is no is; write == or !=\n"},
		"abandoned":   {lines: []string{"def f():", "^C", "1"}, out: "\n1\n", prompt: ">>> ... >>> >>> "},
		"exit":        {lines: []string{"exit()", "1"}, prompt: ">>> "},
		"exit within": {lines: []string{"[exit() for x in [1]]", "1"}, prompt: ">>> "},
		"blank":       {lines: []string{"", "  ", "1"}, out: "1\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var out, errs strings.Builder
			s := &Shell{Stdout: &out, Stderr: &errs}
			session, end := s.begin(t.Context())
			defer end()
			p := &typed{lines: test.lines}
			if err := s.loop(session, p); err != nil && err != io.EOF {
				t.Fatal(err)
			}
			if out.String() != test.out || errs.String() != test.err {
				t.Errorf("got %q and the errors %q, want %q and %q", out.String(), errs.String(), test.out, test.err)
			}
			if test.prompt != "" && p.prompts.String() != test.prompt {
				t.Errorf("got the prompts %q, want %q", p.prompts.String(), test.prompt)
			}
		})
	}
}

// Ctrl-C ends what is running, but not the shell. The test is not parallel, because the signal
// interrupts all shells of the process.
func TestLoopInterrupted(t *testing.T) {
	var out, errs strings.Builder
	s := &Shell{Stdout: &out, Stderr: &errs}
	session, end := s.begin(t.Context())
	defer end()
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	s.Stdout = io.MultiWriter(&out, signaller{self})
	if err := s.loop(session, &typed{lines: []string{"for i in range(1 << 60): print(i) if i == 0 else None", "", "7"}}); err != io.EOF {
		t.Fatal(err)
	}
	if out.String() != "0\n7\n" || errs.String() != "interrupted\n" {
		t.Errorf("got %q and the errors %q", out.String(), errs.String())
	}
}

// signaller sends its process a SIGINT when 0 is printed.
type signaller struct{ process *os.Process }

func (s signaller) Write(p []byte) (int, error) {
	if string(p) == "0\n" {
		return len(p), s.process.Signal(syscall.SIGINT)
	}
	return len(p), nil
}

func TestLoopInputFails(t *testing.T) {
	t.Parallel()
	s := &Shell{Stdout: io.Discard, Stderr: io.Discard}
	session, end := s.begin(t.Context())
	defer end()
	if err := s.loop(session, broken{}); !errors.Is(err, os.ErrPermission) {
		t.Errorf("got %v, want the terminal's error", err)
	}
}

type broken struct{}

func (broken) Prompt(string) (string, error) { return "", os.ErrPermission }
func (broken) AppendHistory(string)          {}

func TestComplete(t *testing.T) {
	t.Parallel()
	s := new(Shell)
	_, end := s.begin(t.Context())
	defer end()
	s.directory.add("orders", "get_order")
	s.directory.add("orders", "get_all")
	s.directory.add("a.b", "m")
	for line, want := range map[string][]string{
		"n.":                    {"config", "data", "dispatch_event", "rpc", "services"},
		"print(n.r":             {"rpc"},
		"n.rpc.":                {"orders", `["a.b"]`},
		`n.rpc["`:               {`a.b"]`, `orders"]`},
		"n.rpc.orders.get":      {"get_all", "get_order"},
		`n.rpc["a.b"].`:         {"m"},
		"n.rpc.orders.get_all.": {"at", "bench", "call_async"},
		"n.rpc.nobody.":         nil,
		"pri":                   {"print"},
		"f().":                  nil,
		"nope.":                 nil,
		`"x".upp`:               nil,
	} {
		head, got, tail := s.complete(line+" # rest", len([]rune(line)))
		if !slices.Equal(got, want) || tail != " # rest" || !strings.HasPrefix(line, head) {
			t.Errorf("%s: got %q, %q, %q, want %q", line, head, got, tail, want)
		}
	}
}
