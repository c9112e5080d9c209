package run_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/jobs"
	"github.com/gomeko/gomeko/panel/account"
	"github.com/gomeko/gomeko/panel/run"
	"github.com/gomeko/gomeko/rpc"
)

// TestRetried retries jobs that have ended, from the page and with the command. Their runs are open
// again, and show the last end.
func TestRetried(t *testing.T) {
	t.Parallel()
	onPairs(t, func(t *testing.T, s *site) {
		w, begun, release := blocked()
		s.host(w)
		r, ann := s.panel(), who("ann", update...)
		x := start(t, r, ann, "Update", `{}`)
		hosttest.Next(t, begun)
		release <- errors.New("no")
		x = end(t, r, ann, x.ID)
		if x.State != run.Failed {
			t.Fatalf("got %s: %s", x.State, x.Error)
		}
		for i, page := range []bool{true, false, false} {
			if _, err := s.jobs.Retry(t.Context(), x.Job, nil); err != nil {
				t.Fatal(err)
			}
			if page {
				if err := r.Retried(t.Context(), x.Job); err != nil {
					t.Fatal(err)
				}
			}
			hosttest.Next(t, begun)
			if i < 2 { // the run is read while the job runs
				all, err := r.List(t.Context(), ann, run.Filter{})
				if err != nil || len(all) != 1 || all[0].State != run.Running || !all[0].Ended.IsZero() || all[0].Error != "" {
					t.Errorf("retried: got %+v, %v", all, err)
				}
			}
			release <- nil
			hosttest.Poll(func() (struct{}, bool) {
				found, err := s.jobs.Look(t.Context(), x.Job)
				return struct{}{}, err == nil && found[0].State.Final()
			})
			again := end(t, r, ann, x.ID)
			if again.State != run.Succeeded || string(again.Result) != `"update false"` || !again.Ended.After(x.Ended) || again.Error != "" {
				t.Errorf("retried: got %+v", again)
			}
			x = again
		}
		x = start(t, r, ann, "Update", `{}`)
		hosttest.Next(t, begun)
		if err := r.Cancel(t.Context(), ann, x.ID); err != nil {
			t.Fatal(err)
		}
		if x = end(t, r, ann, x.ID); x.State != run.Cancelled {
			t.Errorf("got %s", x.State)
		}
		for range 2 { // the job was not retried
			if again, err := r.Get(t.Context(), ann, x.ID); err != nil || again.State != run.Cancelled || !again.Ended.Equal(x.Ended) {
				t.Errorf("got %+v, %v", again, err)
			}
		}
	})
}

// TestQuoted runs methods that quote secrets in their errors and in their progress.
func TestQuoted(t *testing.T) {
	t.Parallel()
	onPairs(t, func(t *testing.T, s *site) {
		quoted, release := make(chan struct{}), make(chan struct{})
		s.host(&work{do: func(ctx context.Context, what string) (any, error) {
			if strings.HasPrefix(what, "charge") || strings.HasPrefix(what, "update") {
				jobs.Progress(ctx, 0.5, what+": hunter2, password=hunter2")
				quoted <- struct{}{}
				<-release
			}
			return nil, rpc.NewError("shop.Wrong", what+" with password=hunter2")
		}})
		r, ann := s.panel(), who("ann", append(update, report...)...)
		for _, test := range []struct{ row, arguments, text, progress string }{
			{"Login", `{"name": "bob", "password": "hunter2"}`, "it may quote an argument that is hidden", ""},
			{"Report", `{"month": 7}`, "report 7 [] text map[] with password=**", ""},
			{"Charge", `{"card": "hunter2"}`, "it may quote an argument that is hidden", "********"},
			{"Update", `{}`, "update false with password=**", "update false: hunter2, password=**"},
		} {
			x := start(t, r, ann, test.row, test.arguments)
			if x.Kind == run.Job {
				hosttest.Next(t, quoted)
				told := hosttest.Poll(func() (string, bool) {
					x, err := r.Get(t.Context(), ann, x.ID)
					if err != nil {
						return err.Error(), false
					}
					return x.Text, x.Text != ""
				})
				if told != test.progress {
					t.Errorf("%s: got the progress %q", test.row, told)
				}
				release <- struct{}{}
			}
			x = end(t, r, ann, x.ID)
			if x.State != run.Failed || x.ErrorType != "shop.Wrong" || !strings.Contains(x.Error, test.text) || strings.Contains(x.Error, "hunter2") {
				t.Errorf("%s: got %s %s: %s", test.row, x.State, x.ErrorType, x.Error)
			}
			if x, err := r.Get(t.Context(), ann, x.ID); err != nil || !strings.Contains(x.Error, test.text) {
				t.Errorf("%s: got %+v, %v", test.row, x, err)
			}
		}
		entries, err := s.accounts.Entries(t.Context(), account.Filter{Action: "run.end"})
		if err != nil || len(entries) != 4 || slices.ContainsFunc(entries, func(e account.Entry) bool { return strings.Contains(e.Failed, "hunter2") }) {
			t.Errorf("got %+v, %v", entries, err)
		}
	})
}
