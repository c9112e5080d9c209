package runner

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gomeko/gomeko/internal/jobview"
	"github.com/gomeko/gomeko/internal/printable"
	"github.com/gomeko/gomeko/internal/secret"
	"github.com/gomeko/gomeko/jobs/store"
	"github.com/gomeko/gomeko/service"
)

// A jobView is a job as the commands print it. Values that look like secrets are masked.
type jobView struct {
	ID       string        `json:"id"`
	Seq      int64         `json:"seq"`
	Service  string        `json:"service"`
	Name     string        `json:"name"`
	Queue    string        `json:"queue"`
	State    store.State   `json:"state"`
	Priority int           `json:"priority,omitempty"`
	Attempt  int           `json:"attempt"`
	Deaths   int           `json:"deaths,omitempty"`
	Cancel   bool          `json:"cancel,omitempty"`
	Progress *float64      `json:"progress,omitempty"`
	Text     string        `json:"progress_text,omitempty"`
	Created  time.Time     `json:"created"`
	RunAt    time.Time     `json:"run_at"`
	Started  time.Time     `json:"started,omitzero"`
	Finished time.Time     `json:"finished,omitzero"`
	Lease    time.Time     `json:"lease,omitzero"`
	Owner    string        `json:"owner,omitempty"`
	Host     string        `json:"host,omitempty"`
	Hook     store.Hook    `json:"hook,omitempty"`
	Unique   string        `json:"unique_key,omitempty"`
	Until    time.Time     `json:"unique_until,omitzero"`
	Resource string        `json:"resource,omitempty"`
	OnRetry  string        `json:"on_retry,omitempty"`
	Type     string        `json:"error_type,omitempty"`
	Error    string        `json:"error,omitempty"`
	Payload  any           `json:"payload,omitempty"` // JSON, or text
	Result   any           `json:"result,omitempty"`
	Attempts []attemptView `json:"attempts,omitempty"`

	// Hidden says why the job's arguments, and what its methods reported about it, are not shown.
	Hidden string `json:"hidden,omitempty"`
}

// An attemptView is an attempt of a job that did not succeed.
type attemptView struct {
	Number  int       `json:"number"`
	Kind    string    `json:"kind"`
	Host    string    `json:"host"`
	Owner   string    `json:"owner"`
	Started time.Time `json:"started"`
	Ended   time.Time `json:"ended"`
	Error   string    `json:"error"`
	Stack   string    `json:"stack,omitempty"`
}

// secretsOf reads which jobs have sensitive arguments, according to their workers. If all is set,
// nothing is hidden.
func secretsOf(ctx context.Context, s *store.Store, all bool) (jobview.Secrets, error) {
	if all {
		return nil, nil
	}
	return jobview.Of(ctx, s)
}

// hide removes the job's arguments, and everything that may quote them.
func (v *jobView) hide(why string) {
	if why == "" || v.Payload == nil && v.Text == "" && v.Error == "" && len(v.Attempts) == 0 {
		return
	}
	v.Hidden = why
	if v.Payload != nil {
		v.Payload = service.Redacted
	}
	for _, text := range []*string{&v.Text, &v.Error} {
		if *text != "" {
			*text = service.Redacted
		}
	}
	for i := range v.Attempts {
		if v.Attempts[i].Error = service.Redacted; v.Attempts[i].Stack != "" {
			v.Attempts[i].Stack = service.Redacted
		}
	}
}

// viewOf returns the view of a job, without its payload and attempts.
func viewOf(j *store.Job) jobView {
	onRetry := ""
	if j.Pass {
		onRetry = "pass"
	}
	return jobView{
		Unique: secret.Mask(j.UniqueKey), Until: utc(j.UniqueUntil), Resource: secret.Mask(j.Resource), OnRetry: onRetry,
		ID: j.ID, Seq: j.Seq, Service: j.Service, Name: j.Name, Queue: j.Queue, State: j.State, Priority: j.Priority,
		Attempt: j.Attempt, Deaths: j.Deaths, Cancel: j.Cancel, Progress: j.Progress, Text: j.ProgressText,
		Created: j.Created.UTC(), RunAt: j.RunAt.UTC(), Started: utc(j.Started), Finished: utc(j.Finished), Lease: utc(j.Lease),
		Owner: j.Owner, Host: j.Host, Hook: j.Hook, Type: j.ErrorType, Error: secret.Mask(j.Error),
	}
}

func utc(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.UTC()
}

func (j *jobsCommand) showCommand() *cobra.Command {
	var asJSON, all bool
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Show a job with its arguments, its result and its failed attempts",
		Long: "Show a job with its arguments, its result and its failed attempts. What looks like a secret is masked.\n\n" +
			"The arguments and errors of a row with sensitive arguments are hidden, and those of a row that no worker of this\n" +
			"store has had.",
		Args: jobIDs(true),
		RunE: func(cmd *cobra.Command, args []string) error {
			return j.with(cmd.Context(), checked, func(ctx context.Context, _ *settings, s *store.Store) error {
				job, err := jobOf(ctx, s, args[0])
				if err != nil {
					return err
				}
				attempts, err := s.Attempts(ctx, job.ID)
				if err != nil {
					return err
				}
				v := viewOf(&job)
				v.Payload, v.Result = jobview.Content(job.Payload), jobview.Content(job.Result)
				for _, a := range attempts {
					v.Attempts = append(v.Attempts, attemptView{
						a.Number, a.Kind, a.Host, a.Owner, a.Started.UTC(), a.Ended.UTC(), secret.Mask(a.Error), secret.Mask(a.Stack),
					})
				}
				hidden, err := secretsOf(ctx, s, all)
				if err != nil {
					return err
				}
				v.hide(hidden.Hide(&job))
				if asJSON {
					return printRow(j.out, v)
				}
				return printJob(printable.NewWriter(j.out, printable.Lines), &v)
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON object")
	cmd.Flags().BoolVar(&all, "show-arguments", false, "show sensitive arguments, too")
	return cmd
}

// printJob prints a job for people.
func printJob(w io.Writer, v *jobView) error {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-10s %s\n", name, printable.Text(fmt.Sprintf(format, args...)))
	}
	line("id", "%s", v.ID)
	line("job", "%s.%s, in queue %s", v.Service, v.Name, v.Queue)
	line("state", "%s, after %s", v.State, attempts(v.Attempt))
	if v.Cancel && !v.State.Final() {
		line("cancelled", "its context ends within a second")
	}
	if v.Progress != nil {
		line("progress", "%.0f%% %s", *v.Progress*100, v.Text)
	}
	if v.Unique != "" {
		line("unique", "%s", v.Unique)
	}
	if !v.Until.IsZero() {
		line("until", "%s, even if it has ended", local(v.Until, ""))
	}
	if v.Resource != "" {
		line("resource", "%s", v.Resource)
	}
	line("enqueued", "%s", local(v.Created, ""))
	for _, t := range []struct {
		name string
		at   time.Time
	}{{"due", v.RunAt}, {"started", v.Started}, {"ended", v.Finished}, {"lease", v.Lease}} {
		if !t.at.IsZero() {
			line(t.name, "%s", local(t.at, ""))
		}
	}
	if v.Owner != "" {
		line("worker", "%s on %s", v.Owner, v.Host)
	}
	if v.Error != "" {
		line("error", "%s", strings.TrimPrefix(v.Type+": "+v.Error, ": "))
	}
	if v.Hidden != "" {
		line("hidden", "%s: gomeko jobs show %s --show-arguments shows them", v.Hidden, v.ID)
	}
	for _, part := range []struct {
		name  string
		value any
	}{{"payload", v.Payload}, {"result", v.Result}} {
		if part.value == nil {
			continue
		}
		text, err := json.MarshalIndent(part.value, "", "  ")
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "\n%s\n%s\n", part.name, text)
	}
	for _, a := range v.Attempts {
		b.WriteString(a.text())
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// text formats an attempt for people.
func (a *attemptView) text() string {
	text := fmt.Sprintf("\nattempt %d: %s on %s, %s to %s\n%s\n", a.Number, a.Kind, printable.Text(a.Host), local(a.Started, ""), local(a.Ended, ""), indent(a.Error))
	if a.Stack != "" {
		text += indent(a.Stack) + "\n"
	}
	return text
}

// attempts returns how many attempts there were, as text.
func attempts(n int) string {
	if n == 1 {
		return "1 attempt"
	}
	return fmt.Sprintf("%d attempts", n)
}

// indent indents a text from elsewhere, so that it cannot begin a line of our output.
func indent(text string) string {
	return "  " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n  ")
}
