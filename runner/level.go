package runner

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gomeko/gomeko/fleet"
)

// A levelFlag is the value of --log-level.
type levelFlag slog.Level

// Set implements [pflag.Value].
func (l *levelFlag) Set(text string) error {
	if (*slog.Level)(l).UnmarshalText([]byte(text)) != nil {
		return errors.New("must be debug, info, warn or error")
	}
	return nil
}

// String implements [pflag.Value].
func (l *levelFlag) String() string { return slog.Level(*l).String() }

// Type implements [pflag.Value].
func (l *levelFlag) Type() string { return "level" }

func (c *command) levelCommand() *cobra.Command {
	var s asking
	var change fleet.LevelChange
	var span time.Duration
	cmd := &cobra.Command{
		Use:   "level SERVICE[/INSTANCE] LEVEL",
		Short: "Change the log level of running processes for a while",
		Long: "Change the log level of running processes for a while.\n\n" +
			"LEVEL is debug, info, warn or error. It counts for whole processes, with all of their services, and falls back by\n" +
			"itself. The processes must have gomeko.control: full, and log who has changed it.",
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			s.name(args)
			s.must = true
			var level levelFlag
			if level.Set(args[1]) != nil {
				return usagef("%q: must be debug, info, warn or error", args[1])
			}
			change.Level, change.For = strings.ToLower(args[1]), span.String()
			s.Arguments = change
			return c.survey(cmd.Context(), "level", &s, func(a fleet.Answers) error { return c.printLevels(a, s.json) })
		},
	}
	s.addFlags(cmd)
	cmd.ValidArgsFunction = c.completeServices
	cmd.Flags().DurationVar(&span, "for", 5*time.Minute, "`DURATION` after which the level falls back, at most 24h")
	return cmd
}

// A changedLevel is a row in the output of gomeko level.
type changedLevel struct {
	Instance string `json:"instance"`
	fleet.LevelChange
}

func (c *command) printLevels(answers fleet.Answers, asJSON bool) error {
	var rows []changedLevel
	for _, a := range answers.Answers {
		if a.Error != "" {
			continue
		}
		row := changedLevel{Instance: a.Instance}
		if err := json.Unmarshal(a.Answer, &row.LevelChange); err != nil {
			return remoteError{fmt.Errorf("the answer of %s cannot be read: %w", a.Instance, err)}
		}
		rows = append(rows, row)
	}
	if asJSON || len(rows) == 0 {
		return printLines(c.out, rows)
	}
	t := newTable(c.out, "INSTANCE", "LEVEL", "FOR")
	for _, r := range rows {
		t.row(r.Instance, r.Level, r.For)
	}
	return t.flush()
}
