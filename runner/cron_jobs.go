package runner

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gomeko/gomeko/fleet"
	"github.com/gomeko/gomeko/internal/periodic"
	"github.com/gomeko/gomeko/jobs/store"
)

// A cronRow is a timer or a periodic row in a list.
type cronRow struct {
	fleet.Timer
	Missed  string   `json:"missed,omitempty"`  // of a periodic row
	Overlap string   `json:"overlap,omitempty"` // of a periodic row
	Job     *cronJob `json:"job,omitempty"`     // nil for a timer
}

// A cronJob is the job of a periodic row.
type cronJob struct {
	Name  string      `json:"name"`
	ID    string      `json:"id,omitempty"`    // of the last one enqueued
	State store.State `json:"state,omitempty"` // of the last one; "" if the store does not have it
}

// String returns the id and the state of the last job.
func (j *cronJob) String() string {
	switch {
	case j == nil || j.ID == "":
		return ""
	case j.State == "":
		return j.ID
	}
	return j.ID + " " + string(j.State)
}

// rowOf returns a periodic row for a list.
func rowOf(p store.Periodic) cronRow {
	return cronRow{
		Timer: fleet.Timer{
			Service: p.Service, Row: p.Field, Schedule: p.Schedule, Zone: p.Zone, Last: p.Last, Next: periodic.Next(p), Paused: p.Paused,
		},
		Missed: p.Missed, Overlap: p.Overlap, Job: &cronJob{Name: p.Name, ID: p.Job, State: p.State},
	}
}

// ifStored opens the store and calls do, if there is a store.
func (k *cronCommand) ifStored(ctx context.Context, do func(context.Context, *store.Store) error) error {
	err := k.with(ctx, checked, func(ctx context.Context, _ *settings, s *store.Store) error { return do(ctx, s) })
	if errors.Is(err, errNoJobs) {
		return nil
	}
	return err
}

// periodics lists the periodic rows in the store.
func (k *cronCommand) periodics(ctx context.Context) (rows []cronRow, err error) {
	err = k.ifStored(ctx, func(ctx context.Context, s *store.Store) error {
		all, err := s.Periodics(ctx)
		for _, p := range all {
			rows = append(rows, rowOf(p))
		}
		return err
	})
	return rows, err
}

// change applies verb to a periodic row, and reports whether the row exists. name is the row's
// field in the service's table, or its job.
func (k *cronCommand) change(ctx context.Context, service, name string, verb fleet.Verb) (row cronRow, found bool, err error) {
	err = k.ifStored(ctx, func(ctx context.Context, s *store.Store) error {
		all, err := s.Periodics(ctx, service)
		if err != nil {
			return err
		}
		for _, p := range all {
			if p.Field != name && p.Name != name {
				continue
			}
			found = true
			if verb == fleet.Run {
				p, err = periodic.RunNow(ctx, s, service, p.Name)
			} else {
				p, err = s.Pause(ctx, service, p.Name, verb == fleet.Pause)
			}
			row = rowOf(p)
			return err
		}
		return nil
	})
	return row, found, err
}

func (k *cronCommand) forgetCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "forget SERVICE.ROW",
		Short: "Remove from the store a periodic row that is no longer in the code",
		Long: "Remove from the store a periodic row that is no longer in the code. Its jobs stay.\n\n" +
			"The store keeps a row that you remove from the code, because another process may still have it. A running process\n" +
			"that has the row registers it again within seconds, as a new row that is not paused.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			service, name, err := splitRow(args[0])
			if err != nil {
				return err
			}
			return k.with(cmd.Context(), checked, func(ctx context.Context, _ *settings, s *store.Store) error {
				return k.forget(ctx, s, service, name)
			})
		},
	}
}

// forget removes a periodic row from the store. name is the row's field in the service's table, or
// its job.
func (k *cronCommand) forget(ctx context.Context, s *store.Store, service, name string) error {
	all, err := s.Periodics(ctx, service)
	if err != nil {
		return err
	}
	for _, p := range all {
		if p.Field == name || p.Name == name {
			if err := s.Forget(ctx, service, p.Name); err != nil {
				return err
			}
			_, err := fmt.Fprintf(k.out, "removed %s.%s\n", service, p.Field)
			return err
		}
	}
	return fmt.Errorf("periodic row %s.%s: no such row in %s: gomeko cron ls lists them", service, name, s.Name())
}
