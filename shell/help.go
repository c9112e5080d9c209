package shell

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"go.starlark.net/starlark"

	"github.com/gomeko/gomeko/contract"
	"github.com/gomeko/gomeko/fleet"
	"github.com/gomeko/gomeko/internal/printable"
)

const overview = `n.rpc.SERVICE.METHOD(7, name="x")       calls a method; n.rpc["a.b"] is a service with a dot in its name
n.rpc.SERVICE.METHOD.call_async(7)      calls without waiting; .result() of its value waits
n.rpc.SERVICE.METHOD.at("vm1/4711")(7)  calls one instance of the service
n.rpc.SERVICE.METHOD.bench(7, callers=64, seconds=5)
                                        calls again and again, and prints how fast that was
n.dispatch_event(SERVICE, EVENT, DATA)  dispatches an event
watch(SERVICE, EVENT)                   prints events as they come, until Ctrl-C
n.services                              lists the services that run, and their instances
n.data, n.config                        the context data of calls; the configuration
table(LIST)                             shows a list of objects as a table
time(CALL)                              says how long a call takes
load("lib.star", "f")                   takes f from a file
help(n.rpc), help(n.rpc.SERVICE), help(n.rpc.SERVICE.METHOD)
                                        describes what runs

_ is the last value. The language is Starlark, a dialect of Python.
Tab completes, Ctrl-R searches the history, Ctrl-C ends a call, Ctrl-D ends the shell.
`

// helpWait is how long help waits for the fleet.
const helpWait = time.Second

// help implements help(x): it prints what x is.
func (s *Shell) help(thread *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var about starlark.Value
	if err := starlark.UnpackPositionalArgs(b.Name(), args, kwargs, 0, &about); err != nil {
		return nil, err
	}
	var text strings.Builder
	ctx := thread.Local(lineKey).(context.Context)
	if err := s.explain(ctx, &text, about); err != nil {
		return nil, err
	}
	return starlark.None, s.show(ctx, text.String())
}

// explain describes a value.
func (s *Shell) explain(ctx context.Context, out *strings.Builder, about starlark.Value) error {
	switch v := about.(type) {
	case nil, nameko:
		out.WriteString(overview)
	case services:
		return s.explainFleet(ctx, out)
	case service:
		return s.explainService(ctx, out, v.name)
	case method:
		return s.explainMethod(ctx, out, v)
	case *starlark.Builtin:
		if m, ok := v.Receiver().(method); ok {
			return s.explainMethod(ctx, out, m)
		}
		fmt.Fprintf(out, "%s(…) is a function of the shell: see help()\n", v.Name())
	case *starlark.Function:
		names := make([]string, v.NumParams())
		for i := range names {
			names[i], _ = v.Param(i)
		}
		fmt.Fprintf(out, "%s(%s)\n", v.Name(), strings.Join(names, ", "))
		for line := range strings.Lines(v.Doc()) {
			out.WriteString("    " + strings.TrimSpace(line) + "\n")
		}
	default:
		fmt.Fprintf(out, "a %s\n", v.Type())
	}
	return nil
}

// explainFleet lists the running services.
func (s *Shell) explainFleet(ctx context.Context, out *strings.Builder) error {
	answers, err := fleet.Survey(ctx, s.Conn, fleet.Question{Verb: "ping", Wait: helpWait})
	if err != nil {
		return err
	}
	for _, c := range answers.Counts {
		fmt.Fprintf(out, "%s\n", printable.Text(c.Service))
	}
	if len(answers.Counts) == 0 {
		out.WriteString("no service of gomeko runs at this broker; services in Python do not tell, and can be called\n")
	}
	return nil
}

// explainService lists the methods of a service with a summary of each.
func (s *Shell) explainService(ctx context.Context, out *strings.Builder, name string) error {
	documents, err := fleet.Describe(ctx, s.Conn, name, helpWait)
	if err != nil {
		return err
	}
	for i, d := range documents {
		if i > 0 {
			out.WriteString("\n")
		}
		fmt.Fprintln(out, printable.Text(strings.TrimSpace(d.Service+" "+d.Version)))
		for line := range strings.Lines(d.Doc) {
			fmt.Fprintln(out, "    "+printable.Text(strings.TrimRight(line, "\n")))
		}
		out.WriteString("\n")
		explainRows(out, d.Rows)
	}
	return nil
}

// maxSignature is the width up to which the summaries in a list of methods are aligned.
const maxSignature = 50

func explainRows(out io.StringWriter, rows []contract.Row) {
	var lines [][2]string
	width := 0
	for i := range rows {
		if r := &rows[i]; r.Kind == "rpc" {
			line := [2]string{printable.Text(r.Signature), printable.Text(r.Doc)}
			lines = append(lines, line)
			if n := utf8.RuneCountInString(line[0]); n <= maxSignature {
				width = max(width, n)
			}
		}
	}
	slices.SortFunc(lines, func(a, b [2]string) int { return strings.Compare(a[0], b[0]) })
	for _, line := range lines {
		_, _ = out.WriteString(strings.TrimRight(fmt.Sprintf("    %-*s  %s", width, line[0], line[1]), " ") + "\n") // it never fails
	}
	if len(lines) == 0 {
		_, _ = out.WriteString("    no methods\n")
	}
}

// explainMethod describes a method in each running version of its service: signature, types, errors
// and texts.
func (s *Shell) explainMethod(ctx context.Context, out *strings.Builder, m method) error {
	documents, err := fleet.Describe(ctx, s.Conn, m.service, helpWait)
	if err != nil {
		return err
	}
	for _, d := range documents {
		one, lacks := d.Only(m.name)
		if lacks != nil {
			err = lacks
			continue
		}
		one.Doc = ""
		if out.Len() > 0 {
			out.WriteString("\n")
		}
		if err := one.Print(out); err != nil {
			return err
		}
	}
	if out.Len() > 0 {
		return nil
	}
	return err
}
