package runner

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gomeko/gomeko/fleet"
	"github.com/gomeko/gomeko/internal/printable"
)

func (c *command) dumpCommand() *cobra.Command {
	var s asking
	cmd := &cobra.Command{
		Use:   "dump SERVICE[/INSTANCE]",
		Short: "Print the calls that run, with their stacks",
		Long: "Print the calls that run, with their stacks.\n\n" +
			"An instance is written as gomeko services prints it. The processes must have gomeko.control: full, and log who asks.\n" +
			"A call is waiting (for a worker), running, lending (its worker, while it waits for another call), or left: it has\n" +
			"ended, and its method still runs. Stacks have no values of arguments.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s.name(args)
			s.must = true
			return c.survey(cmd.Context(), "dump", &s, func(a fleet.Answers) error { return c.printDump(a, s.json) })
		},
	}
	s.addFlags(cmd)
	cmd.ValidArgsFunction = c.completeServices
	return cmd
}

// A dumped is a running call, as a line of gomeko dump --json.
type dumped struct {
	Instance string `json:"instance"`
	fleet.DumpedCall
}

// printDump prints each call with its stack below it.
func (c *command) printDump(answers fleet.Answers, asJSON bool) error {
	for _, a := range answers.Answers {
		if a.Error != "" {
			continue
		}
		var d fleet.Dump
		if err := json.Unmarshal(a.Answer, &d); err != nil {
			return remoteError{fmt.Errorf("the answer of %s cannot be read: %w", a.Instance, err)}
		}
		if asJSON {
			lines := make([]dumped, len(d.Calls))
			for i, call := range d.Calls {
				lines[i] = dumped{a.Instance, call}
			}
			if err := printLines(c.out, lines); err != nil {
				return err
			}
			continue
		}
		var text strings.Builder
		n, noun := len(d.Calls)+d.More, "calls"
		if n == 1 {
			noun = "call"
		}
		fmt.Fprintf(&text, "%s: %d %s\n", printable.Text(a.Instance), n, noun)
		for _, call := range d.Calls {
			elapsed := time.Duration(call.Elapsed * float64(time.Second))
			fmt.Fprintf(&text, "\n%s.%s  %s  %s\n  call %s, root %s\n", printable.Text(call.Service), printable.Text(call.Method),
				printable.Text(call.State), short(elapsed), printable.Text(call.ID), printable.Text(call.Root))
			for line := range strings.Lines(call.Stack) {
				fmt.Fprintf(&text, "    %s\n", printable.Text(strings.ReplaceAll(strings.TrimSuffix(line, "\n"), "\t", "    ")))
			}
		}
		if d.More > 0 {
			fmt.Fprintf(&text, "\nand %d more\n", d.More)
		}
		if _, err := fmt.Fprintln(c.out, text.String()); err != nil {
			return err
		}
	}
	return nil
}
