package runner

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gomeko/gomeko/internal/jobview"
	"github.com/gomeko/gomeko/internal/printable"
	"github.com/gomeko/gomeko/jobs"
	"github.com/gomeko/gomeko/jobs/store"
)

const storeUsage = "`URI` of the store: sqlite:FILE or postgres://USER:PASSWORD@HOST/DATABASE, or @FILE to read it from a file"

// A jobsCommand holds what the commands about jobs share.
type jobsCommand struct {
	*command

	store string // --store
}

// jobsCommand groups the commands about jobs.
func (c *command) jobsCommand() *cobra.Command {
	j := &jobsCommand{command: c}
	cmd := &cobra.Command{
		Use:   "jobs",
		Short: "List, enqueue, cancel and retry jobs",
		Long: "List, enqueue, cancel and retry jobs.\n\n" +
			"The commands work on the store of jobs: that of --store, else " + storeVariable + " of the environment, else gomeko.jobs.store of\n" +
			"the configuration, else the file " + storeFile + " beside the configuration. Only enqueue needs the broker.",
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return usagef("jobs: name a command, as in gomeko jobs ls") },
	}
	cmd.PersistentFlags().StringVar(&j.store, "store", "", storeUsage)
	cmd.AddCommand(j.listCommand(), j.showCommand(), j.waitCommand(), j.cancelCommand(), j.retryCommand(),
		j.enqueueCommand(), j.payloadCommand(), j.resourcesCommand(), j.migrateCommand(), j.pruneCommand())
	return cmd
}

// errNoJobs says how to name a store.
var errNoJobs = errors.New("no store of jobs is configured: write gomeko.jobs.store in the file of --config, or --store sqlite:FILE or postgres://…")

// with opens the store and calls do, until a signal comes.
func (j *jobsCommand) with(ctx context.Context, open func(ctx context.Context, uri string) (*store.Store, error), do func(context.Context, *settings, *store.Store) error) error {
	s, err := j.configuration()
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, stopping...)
	defer stop()
	db, err := s.storeOfJobs(ctx, j.store, open)
	if err == nil && db == nil {
		err = errNoJobs
	}
	if err != nil {
		return err
	}
	defer db.Close()
	return do(ctx, s, db)
}

// checked opens a store and checks that its tables have the right version.
func checked(ctx context.Context, uri string) (*store.Store, error) {
	return openStore(ctx, uri, false)
}

// jobIDs requires IDs of jobs, or exactly one if single is set.
func jobIDs(single bool) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 || single && len(args) > 1 || slices.Contains(args, "") {
			return usagef("%s: name the ID of a job, as gomeko jobs ls prints it", cmd.Name())
		}
		return nil
	}
}

func (j *jobsCommand) listCommand() *cobra.Command {
	var states []string
	var filter store.Filter
	var asJSON, counts, all bool
	cmd := &cobra.Command{
		Use:   "ls [SERVICE|SERVICE.NAME]",
		Short: "List jobs, the newest first",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, state := range states {
				if !slices.Contains(store.States(), store.State(state)) {
					return usagef("--state %q: must be one of %v", state, store.States())
				}
				filter.States = append(filter.States, store.State(state))
			}
			if filter.Limit < 1 {
				return usagef("--limit %d: must be at least 1", filter.Limit)
			}
			if len(args) > 0 {
				filter.Service, filter.Name = args[0], ""
			}
			return j.with(cmd.Context(), checked, func(ctx context.Context, _ *settings, s *store.Store) error {
				if counts {
					return j.printCounts(ctx, s, asJSON)
				}
				found, err := listJobs(ctx, s, filter)
				if err != nil {
					return err
				}
				hidden, err := secretsOf(ctx, s, all)
				if err != nil {
					return err
				}
				return j.printJobs(found, hidden, filter.Limit, asJSON)
			})
		},
	}
	cmd.Flags().StringSliceVar(&states, "state", nil, "only jobs in this `STATE`: scheduled, queued, running, succeeded, failed or cancelled; may be repeated")
	cmd.Flags().IntVar(&filter.Limit, "limit", 50, "at most so many jobs")
	cmd.Flags().Int64Var(&filter.Before, "before", 0, "only jobs before this `NUMBER`, which the list before ends with")
	cmd.Flags().BoolVar(&counts, "counts", false, "count the jobs of each name in each state")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON object for each job")
	cmd.Flags().BoolVar(&all, "show-arguments", false, "show the errors of jobs with sensitive arguments, which may quote them")
	return cmd
}

// listJobs lists the jobs of a service. If there are none, it tries to split the argument into a
// service and a job name, because names of services may contain dots.
func listJobs(ctx context.Context, s *store.Store, filter store.Filter) ([]store.Job, error) {
	found, err := s.List(ctx, filter)
	if dot := strings.LastIndexByte(filter.Service, '.'); err == nil && len(found) == 0 && dot > 0 {
		filter.Service, filter.Name = filter.Service[:dot], filter.Service[dot+1:]
		found, err = s.List(ctx, filter)
	}
	return found, err
}

// printJobs prints a table, or one JSON object per line.
func (j *jobsCommand) printJobs(found []store.Job, hidden jobview.Secrets, limit int, asJSON bool) error {
	views := make([]jobView, len(found))
	for i := range found {
		views[i] = viewOf(&found[i])
		views[i].hide(hidden.Hide(&found[i]))
	}
	if asJSON {
		for i := range views {
			if err := printRow(j.out, views[i]); err != nil {
				return err
			}
		}
		return nil
	}
	if len(found) == 0 {
		say(j.err, "no jobs")
		return nil
	}
	t := newTable(j.out, "ID", "JOB", "STATE", "ATTEMPT", "ENQUEUED", "PROGRESS", "ERROR")
	for _, v := range views {
		line, _, _ := strings.Cut(v.Error, "\n")
		t.row(v.ID, v.Service+"."+v.Name, string(v.State), strconv.Itoa(v.Attempt), local(v.Created, ""), v.progress(), shortened(line))
	}
	if len(found) == limit {
		defer say(j.err, "there may be more: gomeko jobs ls --before %d", found[len(found)-1].Seq)
	}
	return t.flush()
}

// progress returns the progress of a job.
func (v *jobView) progress() string {
	if v.Progress == nil {
		return ""
	}
	return strings.TrimSpace(fmt.Sprintf("%.0f%% %s", *v.Progress*100, v.Text))
}

func (j *jobsCommand) printCounts(ctx context.Context, s *store.Store, asJSON bool) error {
	all, err := s.Counts(ctx)
	if err != nil || asJSON {
		for _, n := range all {
			if err == nil {
				err = printRow(j.out, map[string]any{"service": n.Service, "name": n.Name, "state": n.State, "jobs": n.Jobs})
			}
		}
		return err
	}
	t := newTable(j.out, "JOB", "STATE", "JOBS")
	for _, n := range all {
		t.row(n.Service+"."+n.Name, string(n.State), strconv.FormatInt(n.Jobs, 10))
	}
	return t.flush()
}

// printRow prints v as one line of JSON.
func printRow(out io.Writer, v any) error {
	lines := json.NewEncoder(printable.NewWriter(out, printable.JSON))
	lines.SetEscapeHTML(false)
	return lines.Encode(v)
}

func (j *jobsCommand) waitCommand() *cobra.Command {
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "wait ID",
		Short: "Wait until a job has ended, and print its result as JSON",
		Long:  "Wait until a job has ended, and print its result as JSON. If it has failed or was cancelled, the exit status is 1.",
		Args:  jobIDs(true),
		RunE: func(cmd *cobra.Command, args []string) error {
			return j.with(cmd.Context(), checked, func(ctx context.Context, _ *settings, s *store.Store) error {
				if timeout > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, timeout)
					defer cancel()
				}
				job, err := jobOf(ctx, s, args[0])
				if err != nil {
					return err
				}
				e, err := jobs.NewEnqueuer(ctx, nil, jobs.Config{Store: s, Wait: -1})
				if err != nil {
					return err
				}
				defer func() { _ = e.Close(ctx) }()
				ref, err := jobs.Find[json.RawMessage](ctx, e.Client(job.Service), job.ID)
				if err != nil {
					return err
				}
				result, err := ref.Wait(ctx)
				if err != nil {
					return remoteError{err}
				}
				_, err = fmt.Fprintln(j.out, printable.JSON(cmp.Or(string(result), "null")))
				return err
			})
		},
	}
	cmd.Flags().DurationVar(&timeout, "timeout", 0, "`DURATION` after which the command fails, such as 5m (default: none)")
	return cmd
}

// jobOf returns the row of a job.
func jobOf(ctx context.Context, s *store.Store, id string) (store.Job, error) {
	found, err := s.Get(ctx, id)
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("job %q: %w in %s", id, store.ErrNotFound, s.Name())
	}
	if err != nil {
		return store.Job{}, err
	}
	return found[0], nil
}
