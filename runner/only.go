package runner

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gomeko/gomeko/service"
)

// A rowsFlag is the flag --only: rows, separated by commas. It may be repeated.
type rowsFlag []string

func (f *rowsFlag) String() string { return strings.Join(*f, ",") }

func (f *rowsFlag) Type() string { return "SERVICE.ROW" }

func (f *rowsFlag) Set(text string) error {
	for name := range strings.SplitSeq(text, ",") {
		name = strings.TrimSpace(name)
		if service, row, ok := strings.Cut(name, "."); !ok || service == "" || row == "" {
			return errors.New("must be rows such as images.Resize: a service, a dot and the name of the row's field")
		}
		*f = append(*f, name)
	}
	return nil
}

// addOnly adds the flag --only to a command that runs services.
func (c *command) addOnly(cmd *cobra.Command) {
	cmd.Flags().Var((*rowsFlag)(&c.only), "only", "run only this row, `SERVICE.ROW` such as images.Resize; separate several by commas (default: all rows)")
}

// checkOnly returns a mistake for each service of which only some methods would run. The methods
// share a queue, so a process that lacks a method would refuse its calls although another process
// has it.
func checkOnly(rows []*service.Row) error {
	var mistakes []error
	missing, given := map[string][]string{}, map[string]bool{}
	for _, r := range rows {
		switch {
		case r.Kind() != "rpc":
		case !r.LeftOut():
			given[r.Service] = true
		default:
			missing[r.Service] = append(missing[r.Service], r.Service+"."+r.Name)
		}
	}
	for name := range given {
		if len(missing[name]) > 0 {
			mistakes = append(mistakes, fmt.Errorf("service %s: its methods share a queue, and this process would refuse the calls of some: add %s to --only, or leave out all methods",
				name, strings.Join(missing[name], ",")))
		}
	}
	return errors.Join(mistakes...)
}
