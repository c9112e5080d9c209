package runner

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gomeko/gomeko/fleet"
)

func (c *command) healthCommand() *cobra.Command {
	var s asking
	cmd := &cobra.Command{
		Use:   "health [SERVICE]",
		Short: "Print whether the instances and what they depend on are well",
		Long: "Print whether the instances and what they depend on are well.\n\n" +
			"The exit status is 1 if an instance is not ready, a dependency fails, a row is paused, an instance cannot answer, or nobody answers.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s.name(args)
			var states []healthState
			err := c.survey(cmd.Context(), "health", &s, func(a fleet.Answers) (err error) {
				if states, err = healthStates(a); err != nil {
					return err
				}
				if s.json {
					return printLines(c.out, states)
				}
				return c.printHealth(states)
			})
			if err != nil {
				return err
			}
			return unwell(states)
		},
	}
	s.addFlags(cmd)
	cmd.ValidArgsFunction = c.completeServices
	return cmd
}

// A healthState is a process in the output of gomeko health.
type healthState struct {
	Instance string   `json:"instance"`
	Services []string `json:"services"`
	Error    string   `json:"error,omitempty"` // why it has not reported its health
	fleet.Health
}

func healthStates(answers fleet.Answers) (states []healthState, err error) {
	for _, a := range answers.Answers {
		state := healthState{Instance: a.Instance, Error: a.Error}
		for _, s := range a.Services {
			state.Services = append(state.Services, s.Name)
		}
		if a.Error == "" {
			if err := json.Unmarshal(a.Answer, &state.Health); err != nil {
				return nil, remoteError{fmt.Errorf("the answer of %s cannot be read: %w", a.Instance, err)}
			}
		}
		states = append(states, state)
	}
	return states, nil
}

// printHealth prints a row for each process, and one for each dependency.
func (c *command) printHealth(states []healthState) error {
	if len(states) == 0 {
		return nil
	}
	t := newTable(c.out, "INSTANCE", "SERVICES", "WHAT", "STATE", "WHY")
	for _, s := range states {
		state, why := "ready", s.Reason
		if !s.Ready {
			state = "not ready"
		}
		if s.Error != "" {
			state, why = "unknown", s.Error
		}
		t.row(s.Instance, strings.Join(s.Services, ","), "process", state, why)
		for _, check := range s.Checks {
			state := "well"
			if check.Failing {
				state = "failing"
			}
			t.row(s.Instance, strings.Join(check.Services, ","), check.Name, state, check.Error)
		}
		for _, p := range s.Paused {
			t.row(s.Instance, p.Service, p.Row, "paused", strings.Join(p.Reasons, ", "))
		}
	}
	return t.flush()
}

// unwell returns an error if anything is unhealthy.
func unwell(states []healthState) error {
	if len(states) == 0 {
		return errors.New("no instance says that it is well")
	}
	n := 0
	for _, s := range states {
		bad := s.Error != "" || !s.Ready || len(s.Paused) > 0
		for _, check := range s.Checks {
			bad = bad || check.Failing
		}
		if bad {
			n++
		}
	}
	if n > 0 {
		return fmt.Errorf("not well: %d of %d instances", n, len(states))
	}
	return nil
}
