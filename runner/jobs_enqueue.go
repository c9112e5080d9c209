package runner

import (
	"context"
	"fmt"
	"os/signal"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gomeko/gomeko/internal/nearest"
	"github.com/gomeko/gomeko/jobs"
	"github.com/gomeko/gomeko/jobs/store"
	"github.com/gomeko/gomeko/transport"
)

// jobArgument splits the first argument, SERVICE.NAME.
func jobArgument(cmd *cobra.Command, args []string) (service, name string, err error) {
	if len(args) > 0 {
		dot := strings.LastIndex(args[0], ".")
		if dot > 0 && dot < len(args[0])-1 {
			return args[0][:dot], args[0][dot+1:], nil
		}
	}
	return "", "", usagef("%s: which job? Name it as in gomeko jobs %[1]s images.resize url=http://example.org/a.png", cmd.Name())
}

func (j *jobsCommand) enqueueCommand() *cobra.Command {
	var id, at string
	var in time.Duration
	var priority int
	cmd := &cobra.Command{
		Use:   "enqueue SERVICE.NAME [ARG…] [KEY=VALUE…]",
		Short: "Enqueue a job and print its ID",
		Long: "Enqueue a job and print its ID. Arguments are written as for gomeko call.\n\n" +
			"With a store, the job is enqueued even if the broker is away. Without one, only a message is published.",
		Args: func(cmd *cobra.Command, args []string) error { _, _, err := jobArgument(cmd, args); return err },
		RunE: func(cmd *cobra.Command, args []string) error {
			var options []any
			if cmd.Flags().Changed("in") {
				options = append(options, jobs.In(in))
			}
			if cmd.Flags().Changed("priority") {
				options = append(options, jobs.Priority(priority))
			}
			if cmd.Flags().Changed("id") {
				options = append(options, jobs.ID(id))
			}
			if at != "" {
				t, err := time.Parse(time.RFC3339, at)
				if err != nil {
					return usagef("--at %q: must be a time such as 2026-01-02T15:04:05Z", at)
				}
				options = append(options, jobs.At(t))
			}
			service, name, err := jobArgument(cmd, args)
			if err != nil {
				return err
			}
			return j.enqueue(cmd.Context(), service, name, append(options, arguments(args[1:])...))
		},
	}
	flags := cmd.Flags()
	flags.DurationVar(&in, "in", 0, "run the job this `DURATION` from now")
	flags.StringVar(&at, "at", "", "run the job at this `TIME`, as in 2026-01-02T15:04:05Z")
	flags.IntVar(&priority, "priority", 0, "a `NUMBER`: a higher one runs first")
	flags.StringVar(&id, "id", "", "the job's `ID` (default: a new one). If the store has the job already, it is not enqueued again")
	return cmd
}

// enqueue enqueues a job through the broker and the store, or through one of them.
func (j *jobsCommand) enqueue(ctx context.Context, service, name string, args []any) error {
	s, err := j.configuration()
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, stopping...)
	defer stop()
	db, err := s.storeOfJobs(ctx, j.store, checked)
	if err != nil {
		return err
	}
	if db != nil {
		defer db.Close()
		if err := j.warnUnknown(ctx, db, service, name); err != nil {
			return err
		}
	}
	broker, err := j.reach(s, "gomeko jobs")
	if err != nil {
		return err
	}
	conn, err := transport.Dial(ctx, broker)
	if err != nil && db == nil {
		return fmt.Errorf("%w; no store of jobs is configured either", err)
	}
	if err != nil {
		say(j.err, "warning: the broker is away: a worker finds the job in %s: %v", db.Name(), err)
	} else {
		defer hangUp(conn)
	}
	e, err := jobs.NewEnqueuer(ctx, conn, jobs.Config{Store: db})
	if err != nil {
		return err
	}
	defer func() { _ = e.Close(context.WithoutCancel(ctx)) }()
	ref, err := e.Client(service).Enqueue(ctx, name, args...)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(j.out, ref.ID())
	return err
}

// warnUnknown warns if no worker of the store has, or had, such a job.
func (j *jobsCommand) warnUnknown(ctx context.Context, db *store.Store, service, name string) error {
	rows, err := db.Hosted(ctx)
	if err != nil {
		return err
	}
	var services, names []string
	for _, r := range rows {
		if services = append(services, r.Service); r.Service == service {
			names = append(names, r.Name)
		}
	}
	switch {
	case slices.Contains(names, name):
	case len(names) > 0:
		say(j.err, "warning: no worker has had a job %s of service %s yet%s", name, service, meant(name, names))
	default:
		say(j.err, "warning: no worker of service %s has used this store yet%s", service, meant(service, services))
	}
	return nil
}

// meant asks about the known name that is closest, or returns "" if none is close.
func meant(name string, known []string) string {
	if near := nearest.Likely(name, known); near != "" {
		return ": did you mean " + near + "?"
	}
	return ""
}
