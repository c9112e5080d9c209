package runner

import (
	"context"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/gomeko/gomeko/internal/secret"
	"github.com/gomeko/gomeko/jobs/store"
)

// A lineView is the queue for a resource as JSON.
type lineView struct {
	Resource string  `json:"resource"`
	First    jobView `json:"first"`
	Waiting  int64   `json:"waiting"`
}

func (j *jobsCommand) resourcesCommand() *cobra.Command {
	var limit int
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "resources [NAME]",
		Short: "Show which jobs have resources, and which wait for them",
		Long: "Show which jobs have resources, and how many wait for them. With the name of a resource, show its jobs in their order:\n" +
			"the one that runs, and then those that wait for it.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if limit < 1 {
				return usagef("--limit %d: must be at least 1", limit)
			}
			return j.with(cmd.Context(), checked, func(ctx context.Context, _ *settings, s *store.Store) error {
				if len(args) == 0 {
					return j.printLines(ctx, s, asJSON)
				}
				return j.printLine(ctx, s, args[0], limit, asJSON)
			})
		},
	}
	cmd.Flags().IntVar(&limit, "limit", 50, "at most so many jobs of the resource")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON object for each resource, or each job of the one that is named")
	return cmd
}

// printLines prints all resources.
func (j *jobsCommand) printLines(ctx context.Context, s *store.Store, asJSON bool) error {
	lines, err := s.Lines(ctx)
	if err != nil {
		return err
	}
	if asJSON {
		for _, l := range lines {
			if err := printRow(j.out, lineView{secret.Mask(l.Resource), viewOf(&l.First), l.Waiting}); err != nil {
				return err
			}
		}
		return nil
	}
	if len(lines) == 0 {
		say(j.err, "no job runs or waits for a resource")
		return nil
	}
	t := newTable(j.out, "RESOURCE", "JOB", "ID", "STATE", "SINCE", "HOST", "WAITING")
	for _, l := range lines {
		job := &l.First
		t.row(secret.Mask(l.Resource), job.Service+"."+job.Name, job.ID, string(job.State), since(job), job.Host, strconv.FormatInt(l.Waiting, 10))
	}
	return t.flush()
}

// printLine prints the jobs of a resource.
func (j *jobsCommand) printLine(ctx context.Context, s *store.Store, resource string, limit int, asJSON bool) error {
	found, err := s.Line(ctx, resource, limit)
	if err != nil || asJSON {
		for i := range found {
			if err == nil {
				err = printRow(j.out, viewOf(&found[i]))
			}
		}
		return err
	}
	if len(found) == 0 {
		say(j.err, "no job runs or waits for %s", secret.Mask(resource))
		return nil
	}
	t := newTable(j.out, "ID", "JOB", "STATE", "SINCE", "HOST")
	for i := range found {
		job := &found[i]
		t.row(job.ID, job.Service+"."+job.Name, string(job.State), since(job), job.Host)
	}
	if len(found) == limit {
		defer say(j.err, "there may be more: name a higher --limit")
	}
	return t.flush()
}

// since formats the time since when a job has held a resource, or waited for it.
func since(job *store.Job) string {
	at := job.RunAt
	if job.State == store.Running {
		at = job.Started
	}
	text := local(at, "")
	if job.State == store.Scheduled {
		if left := time.Until(at).Round(time.Second); left > 0 {
			text = "due in " + left.String()
		}
	}
	return text
}
