package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gomeko/gomeko/jobs/store"
)

func (j *jobsCommand) cancelCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "cancel ID…",
		Short: "Cancel jobs",
		Long:  "Cancel jobs. One that waits never runs. The context of one that runs ends within a second, wherever it runs.",
		Args:  jobIDs(false),
		RunE: func(cmd *cobra.Command, args []string) error {
			return j.each(cmd.Context(), args, func(ctx context.Context, s *store.Store, id string) (string, error) {
				job, err := s.Cancel(ctx, id)
				if err == nil && job.State == store.Running {
					return "cancelling", nil // its method may still succeed
				}
				return "cancelled", err
			})
		},
	}
}

// each calls do for each job and prints the results. An error does not prevent the others.
func (j *jobsCommand) each(ctx context.Context, ids []string, do func(context.Context, *store.Store, string) (string, error)) error {
	return j.with(ctx, checked, func(ctx context.Context, _ *settings, s *store.Store) error {
		var failed []error
		for _, id := range ids {
			done, err := do(ctx, s, id)
			if err != nil {
				failed = append(failed, err)
			} else if _, err := fmt.Fprintln(j.out, done, id); err != nil {
				return err
			}
		}
		if err := errors.Join(failed...); err != nil {
			return err
		}
		return nil
	})
}

func (j *jobsCommand) retryCommand() *cobra.Command {
	var edited, all bool
	cmd := &cobra.Command{
		Use:   "retry ID…",
		Short: "Run jobs again that have ended",
		Long: "Run jobs again that have ended. Their attempts go on counting, and their retries begin anew. A worker begins within\n" +
			"a second or two.",
		Args: jobIDs(false),
		RunE: func(cmd *cobra.Command, args []string) error {
			if edited {
				defer ignoreInterrupts()() // the editor handles Ctrl-C
			}
			return j.each(cmd.Context(), args, func(ctx context.Context, s *store.Store, id string) (string, error) {
				var payload []byte
				if edited {
					job, err := jobOf(ctx, s, id)
					if err != nil {
						return "", err
					}
					hidden, err := secretsOf(ctx, s, all)
					if err != nil {
						return "", err
					}
					if why := hidden.Hide(&job); why != "" {
						return "", fmt.Errorf("job %s: %s: retry it without --edit, or with --show-arguments", id, why)
					}
					if payload, err = j.editPayload(ctx, &job); err != nil || payload == nil {
						return "skipped", err
					}
				}
				_, err := s.Retry(ctx, id, payload)
				return "queued", err
			})
		},
	}
	cmd.Flags().BoolVar(&all, "show-arguments", false, "with --edit: show sensitive arguments in the editor, too")
	cmd.Flags().BoolVar(&edited, "edit", false, "edit each job's payload first, in $VISUAL or $EDITOR: an empty file leaves the job as it is")
	return cmd
}

// editPayload lets the user edit the payload of a job. It returns nil if the user leaves the file
// empty.
func (j *jobsCommand) editPayload(ctx context.Context, job *store.Job) ([]byte, error) {
	var value any
	if err := json.Unmarshal(job.Payload, &value); err != nil {
		return nil, fmt.Errorf("job %s: its payload is %s, and only JSON can be edited: retry it without --edit", job.ID, job.ContentType)
	}
	file, err := os.CreateTemp("", "gomeko-*.json") // readable only by the user
	if err != nil {
		return nil, err
	}
	defer os.Remove(file.Name())
	_, err = file.WriteString(indented(job.Payload) + "\n")
	if err = errors.Join(err, file.Close()); err != nil {
		return nil, err
	}
	if err := j.openEditor(ctx, file.Name()); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(file.Name())
	if err != nil || strings.TrimSpace(string(text)) == "" {
		return nil, err
	}
	var body struct {
		Args   []any          `json:"args"`
		Kwargs map[string]any `json:"kwargs"`
	}
	if err := json.Unmarshal(text, &body); err != nil {
		return nil, fmt.Errorf(`job %s: what you wrote is not a payload, as in {"args": [], "kwargs": {}}: %w:`+"\n%s", job.ID, err, text)
	}
	return text, nil
}

func (j *jobsCommand) migrateCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "migrate",
		Short: "Create the tables of the store, or bring them to this version",
		Long: "Create the tables of the store, or bring them to this version. Processes of older versions can then no longer start\n" +
			"on it. Those with a SQLite file do it when they start, and others with gomeko.jobs.migrate: true.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return j.with(cmd.Context(), connectStore, func(ctx context.Context, _ *settings, s *store.Store) error {
				from, to, err := s.Migrate(ctx)
				if err != nil {
					return err
				}
				id, err := s.ID(ctx)
				if err != nil {
					return err
				}
				if from == to {
					_, err = fmt.Fprintf(j.out, "%s: has version %d already, id %s\n", s.Name(), to, id)
				} else {
					_, err = fmt.Fprintf(j.out, "%s: migrated from version %d to %d, id %s\n", s.Name(), from, to, id)
				}
				return err
			})
		},
	}
}

// pruneBatch is how many jobs one statement deletes.
const pruneBatch = 1000

// keepTime is the default of gomeko.jobs.keep.
const keepTime = 7 * 24 * time.Hour

func (j *jobsCommand) pruneCommand() *cobra.Command {
	var keep string
	cmd := &cobra.Command{
		Use:   "prune",
		Short: "Delete jobs that ended long ago, as workers do with gomeko.jobs.keep",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return j.with(cmd.Context(), checked, func(ctx context.Context, s *settings, db *store.Store) error {
				age := s.jobsKeys.Keep
				if age == 0 {
					age = keepTime
				}
				if keep != "" {
					var err error
					if age, err = ageOf(keep); err != nil {
						return usagef("--keep %q: must be a duration such as 12h or 7d", keep)
					}
				}
				if age < 0 {
					return usagef("prune: gomeko.jobs.keep is none: name an age, as in --keep 30d")
				}
				return j.prune(ctx, db, age)
			})
		},
	}
	cmd.Flags().StringVar(&keep, "keep", "", "delete those that ended longer than `DURATION` ago, such as 12h or 30d (default: gomeko.jobs.keep, else 7d)")
	return cmd
}

// prune deletes jobs in batches and reports its progress.
func (j *jobsCommand) prune(ctx context.Context, s *store.Store, keep time.Duration) error {
	total, next := 0, time.Now().Add(reportTime)
	for {
		n, err := s.Prune(ctx, keep, pruneBatch)
		total += n
		if err != nil || n < pruneBatch {
			if _, printErr := fmt.Fprintf(j.out, "deleted %d\n", total); err == nil {
				err = printErr
			}
			return err
		}
		if now := time.Now(); now.After(next) {
			next = now.Add(reportTime)
			say(j.err, "deleted %d", total)
		}
	}
}
