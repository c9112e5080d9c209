package runner

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// The help of every command has an example that begins with the program's name and whose command
// exists.
func TestExamplesInHelp(t *testing.T) {
	for _, root := range []*cobra.Command{new(command).gomeko(), new(command).program(nil)} {
		var check func(cmd *cobra.Command)
		check = func(cmd *cobra.Command) {
			if !strings.Contains(cmd.Example, root.Name()) || strings.Contains(cmd.Example, "PROGRAM") {
				t.Errorf("%s: got the example %q, want one with %s", cmd.CommandPath(), cmd.Example, root.Name())
			}
			for line := range strings.Lines(cmd.Example) {
				words := strings.Fields(line)
				if words[0] != root.Name() {
					continue
				}
				if found, _, err := root.Find(words[1:]); err != nil || found != cmd && cmd != root && cmd.Name() != "help" && found.Parent() != cmd {
					t.Errorf("%s: got the example %q, which is of %v, %v", cmd.CommandPath(), line, found.CommandPath(), err)
				}
			}
			if cmd.Hidden {
				t.Errorf("%s is hidden", cmd.CommandPath())
			}
			for _, below := range cmd.Commands() {
				check(below)
			}
		}
		check(root)
	}
}
