package runner

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gomeko/gomeko/contract"
	"github.com/gomeko/gomeko/fleet"
	"github.com/gomeko/gomeko/internal/printable"
	"github.com/gomeko/gomeko/transport"
)

// completionTime limits how long a shell waits for completions from the fleet.
const completionTime = 300 * time.Millisecond

// completeMethods completes the arguments of gomeko call: SERVICE.METHOD, then the parameters.
func (c *command) completeMethods(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	var names []string
	c.askFleet(cmd, func(ctx context.Context, conn *transport.Conn) {
		if len(args) > 0 {
			names = parameters(ctx, conn, args)
			return
		}
		for service, rows := range fleetRows(ctx, conn) {
			for _, r := range rows {
				if r.Kind == "rpc" {
					names = append(names, service+"."+r.Method)
				}
			}
		}
	})
	if len(args) > 0 {
		return beginningWith(names, word), cobra.ShellCompDirectiveNoSpace | cobra.ShellCompDirectiveNoFileComp
	}
	return beginningWith(names, word), cobra.ShellCompDirectiveNoFileComp
}

// completeServices completes an argument that is a service.
func (c *command) completeServices(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	var names []string
	if len(args) == 0 {
		c.askFleet(cmd, func(ctx context.Context, conn *transport.Conn) {
			for service := range fleetRows(ctx, conn) {
				names = append(names, service)
			}
		})
	}
	return beginningWith(names, word), cobra.ShellCompDirectiveNoFileComp
}

// beginningWith returns the names that begin with a word. They come from elsewhere and go to a
// shell, so it omits names with special characters.
func beginningWith(names []string, word string) (fitting []string) {
	for _, name := range names {
		if strings.HasPrefix(name, word) && printable.Text(name) == name && !strings.ContainsAny(name, " \t\"'`$\\;&|<>(){}*?!#~") {
			fitting = append(fitting, name)
		}
	}
	return fitting
}

// askFleet connects to the broker and calls ask, within completionTime in total. An error means
// that there are no completions.
func (c *command) askFleet(cmd *cobra.Command, ask func(context.Context, *transport.Conn)) {
	ctx, cancel := context.WithTimeout(cmd.Context(), completionTime)
	defer cancel()
	c.flags = cmd.Flags()
	s, err := load(c.config)
	if err != nil {
		return
	}
	broker, err := c.reach(s, "gomeko completion")
	if err != nil {
		return
	}
	broker.Logger = slog.New(slog.DiscardHandler)
	conn, err := transport.Dial(ctx, broker)
	if err != nil {
		return
	}
	defer func() { _ = conn.Close(ctx) }() // within the time limit
	ask(ctx, conn)
}

// fleetRows returns the rows of the services that answer, keyed by service.
func fleetRows(ctx context.Context, conn *transport.Conn) map[string][]fleet.RowStats {
	answers, _ := fleet.Survey(ctx, conn, fleet.Question{Verb: "stats", Wait: completionTime * 2 / 3}) // on an error, the answers received so far are shown
	rows := map[string][]fleet.RowStats{}
	for _, a := range answers.Answers {
		var stats fleet.Stats
		if a.Error != "" || json.Unmarshal(a.Answer, &stats) != nil {
			continue
		}
		for _, s := range stats.Services {
			if rows[s.Service] == nil {
				rows[s.Service] = append([]fleet.RowStats{}, s.Rows...)
			}
		}
	}
	return rows
}

// parameters returns NAME= for each parameter of a method that is not given yet.
func parameters(ctx context.Context, conn *transport.Conn, args []string) (names []string) {
	dot := strings.LastIndex(args[0], ".")
	if dot < 0 {
		return nil
	}
	documents, err := fleet.Describe(ctx, conn, args[0][:dot], completionTime/2)
	if err != nil || len(documents) == 0 {
		return nil
	}
	given, positional := map[string]bool{}, 0
	for _, arg := range args[1:] {
		if m := keyword.FindStringSubmatch(arg); m != nil {
			given[m[1]] = true
		} else {
			positional++
		}
	}
	for _, r := range documents[len(documents)-1].Rows {
		if r.Kind == "rpc" && r.Call == args[0][dot+1:] {
			names = append(names, notGiven(r.Parameters, given, positional)...)
		}
	}
	return names
}

func notGiven(all []contract.Parameter, given map[string]bool, positional int) (names []string) {
	for i, p := range all {
		if i >= positional && !given[p.Name] && (p.Kind == "positional" || p.Kind == "keyword") {
			names = append(names, p.Name+"=")
		}
	}
	return names
}
