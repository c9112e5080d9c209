package run_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/jobs"
	"github.com/gomeko/gomeko/panel/account"
	"github.com/gomeko/gomeko/panel/run"
	"github.com/gomeko/gomeko/rpc"
)

// blocked returns work that reports when it begins, and then waits until it is released or
// cancelled.
func blocked() (w *work, begun chan string, release chan error) {
	begun, release = make(chan string, 100), make(chan error, 100)
	return &work{do: func(ctx context.Context, what string) (any, error) {
		begun <- what
		select {
		case err := <-release:
			return what, err
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}}, begun, release
}

// TestCancel cancels calls and jobs, from the process that waits for them and from another one.
func TestCancel(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, s *site) {
		w, begun, release := blocked()
		s.host(w)
		here, there := s.panel(), s.panel()
		ann := who("ann", append(update, report...)...)
		boss := who("boss", append([]string{run.View}, report...)...)
		for _, r := range []*run.Runs{here, there} {
			for row, arguments := range map[string]string{"Report": `{"month": 7}`, "Update": `{}`} {
				x := start(t, here, ann, row, arguments)
				hosttest.Next(t, begun)
				if row == "Update" { // the second one waits
					second := start(t, here, ann, row, arguments)
					if err := r.Cancel(t.Context(), ann, second.ID); err != nil {
						t.Fatal(err)
					}
					if second = end(t, here, ann, second.ID); second.State != run.Cancelled {
						t.Errorf("a job that waits is %s: %s", second.State, second.Error)
					}
				}
				if err := r.Cancel(t.Context(), ann, x.ID); err != nil {
					t.Fatal(err)
				}
				x = end(t, here, ann, x.ID)
				if x.State != run.Cancelled || x.CancelledBy != "ann" {
					t.Errorf("%s is %s: %s, cancelled by %q", row, x.State, x.Error, x.CancelledBy)
				}
				if err := r.Cancel(t.Context(), ann, x.ID); !errors.Is(err, run.ErrEnded) {
					t.Errorf("%s, cancelled twice: got %v", row, err)
				}
			}
		}
		x := start(t, here, ann, "Update", `{}`)
		hosttest.Next(t, begun)
		for name, test := range map[string]struct {
			who   run.Who
			group string
		}{
			"a stranger":             {who("eve", update...), run.View},
			"without the groups":     {boss, "control_panel/shop/update"},
			"no longer in a group":   {who("ann", report...), "control_panel/shop/update"},
			"a user who is disabled": {run.Who{User: &account.User{Name: "ann", Disabled: time.Now()}}, run.View},
		} {
			var denied *run.DeniedError
			if err := here.Cancel(t.Context(), test.who, x.ID); !errors.As(err, &denied) || denied.Group != test.group {
				t.Errorf("%s: got %v, want a DeniedError for %s", name, err, test.group)
			}
		}
		release <- nil
		end(t, here, ann, x.ID)
		if len(s.audited("run.cancel")) != 12 {
			t.Errorf("got the audit trail %s", strings.Join(s.audit(), "\n"))
		}
	})
}

// TestView checks which users see which runs.
func TestView(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, s *site) {
		s.host(new(work))
		r := s.panel()
		ann, bob, boss := who("ann", update...), who("bob", update...), who("boss", run.View)
		mine, other := start(t, r, ann, "Update", `{}`), start(t, r, bob, "Update", `{"test_only": true}`)
		end(t, r, ann, mine.ID)
		end(t, r, bob, other.ID)
		for _, test := range []struct {
			who   run.Who
			user  string
			sees  int
			error bool
		}{
			{ann, "", 1, false}, {ann, "ann", 1, false}, {ann, "bob", 0, true}, {boss, "", 2, false}, {boss, "bob", 1, false}, {who("eve"), "", 0, false},
		} {
			all, err := r.List(t.Context(), test.who, run.Filter{User: test.user})
			if (err != nil) != test.error || len(all) != test.sees || err != nil && !errors.As(err, new(*run.DeniedError)) {
				t.Errorf("%s sees %d runs of %q, %v", test.who.User.Name, len(all), test.user, err)
			}
		}
		if x, err := r.Get(t.Context(), boss, other.ID); err != nil || x.User != "bob" || string(x.Result) != `"update true"` {
			t.Errorf("got %+v, %v", x, err)
		}
		for name, err := range map[string]error{
			"get":    second(r.Get(t.Context(), ann, other.ID)),
			"watch":  second(r.Watch(t.Context(), ann, other.ID)),
			"result": second(r.Result(t.Context(), ann, other.ID)),
		} {
			if !errors.As(err, new(*run.DeniedError)) {
				t.Errorf("%s: got %v, want a DeniedError", name, err)
			}
		}
		if _, err := r.Get(t.Context(), ann, "nowhere\x00"); !errors.Is(err, run.ErrNotFound) {
			t.Errorf("got %v, want ErrNotFound", err)
		}
	})
}

func second[T any](_ T, err error) error { return err }

// TestFailures lets calls and jobs fail in every way.
func TestFailures(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, s *site) {
		fault := rpc.NewError("shop.exceptions.Closed", "the shop is closed")
		w := &work{do: func(context.Context, string) (any, error) { return nil, fault }}
		host := s.host(w)
		r, ann := s.panel(func(c *run.Config) { c.Timeout = 3 * time.Second }), who("ann", append(update, report...)...)
		for row, arguments := range map[string]string{"Report": `{"month": 7}`, "Update": `{}`} {
			x := start(t, r, ann, row, arguments)
			if x = end(t, r, ann, x.ID); x.State != run.Failed || x.ErrorType != fault.Path || !strings.Contains(x.Error, "the shop is closed") || x.CallID == "" {
				t.Errorf("%s: got %s %s %q of call %s", row, x.State, x.ErrorType, x.Error, x.CallID)
			}
		}
		x := start(t, r, ann, "Report", `{"month": "seven"}`)
		if x = end(t, r, ann, x.ID); x.State != run.Failed || !strings.Contains(x.Error, "month") {
			t.Errorf("with a wrong argument: got %s: %s", x.State, x.Error)
		}
		w.do = func(ctx context.Context, _ string) (any, error) { <-ctx.Done(); return nil, ctx.Err() }
		x = start(t, r, ann, "Report", `{"month": 7}`)
		if x = end(t, r, ann, x.ID); x.State != run.Failed || !strings.Contains(x.Error, "no answer in 3s") {
			t.Errorf("without an answer: got %s: %s", x.State, x.Error)
		}
		hosttest.Close(t, host.Stop)
		x = start(t, r, ann, "Report", `{"month": 7}`)
		if x = end(t, r, ann, x.ID); x.State != run.Failed || x.Error == "" {
			t.Errorf("without a worker: got %s: %s", x.State, x.Error)
		}
	})
}

// TestUnserved starts a job that no worker serves. The page says since when, and the job runs
// later.
func TestUnserved(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, s *site) {
		host := s.host(new(work))
		seen := time.Now().Add(-time.Hour)
		var running bool
		r := s.panel(func(c *run.Config) {
			plain := s.panel()
			find := plain.Find()
			known, err := find(t.Context(), "shop")
			if err != nil {
				t.Fatal(err)
			}
			c.Find = func(context.Context, string) (run.Service, error) {
				return run.Service{Document: known.Document, Running: running, Seen: seen}, nil
			}
		})
		hosttest.Close(t, host.Stop)
		ann := who("ann", update...)
		x := start(t, r, ann, "Update", `{}`)
		if x, err := r.Get(t.Context(), ann, x.ID); err != nil || x.State != run.Queued || !x.Unserved.Equal(seen) {
			t.Errorf("got %+v, %v", x, err)
		}
		s.host(new(work))
		running = true
		if x = end(t, r, ann, x.ID); x.State != run.Succeeded || !x.Unserved.IsZero() {
			t.Errorf("got %+v", x)
		}
	})
}

// TestWatch lets many users watch the progress of jobs. All of them see it, though only one
// goroutine polls.
func TestWatch(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, s *site) {
		begun, release := make(chan string, 1), make(chan float64)
		s.host(&work{do: func(ctx context.Context, what string) (any, error) {
			begun <- what
			for part := range release {
				jobs.Progress(ctx, part, fmt.Sprintf("%v done", part))
			}
			return what, nil
		}})
		r, ann := s.panel(), who("ann", update...)
		x := start(t, r, ann, "Update", `{}`)
		hosttest.Next(t, begun)
		var all []<-chan *run.Run
		for range 20 {
			states, err := r.Watch(t.Context(), ann, x.ID)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, states)
		}
		ctx, leave := context.WithCancel(t.Context())
		gone, err := r.Watch(ctx, ann, x.ID)
		if err != nil {
			t.Fatal(err)
		}
		leave()
		for range gone { // ends
		}
		see := func(what string, is func(x *run.Run) bool) {
			t.Helper()
			for _, states := range all {
				for {
					x := hosttest.Receive(t, what, states)
					if x == nil {
						t.Fatalf("the channel was closed before %s", what)
					}
					if is(x) {
						break
					}
				}
			}
		}
		see("running", func(x *run.Run) bool { return x.State == run.Running })
		release <- 0.5
		see("half", func(x *run.Run) bool { return x.Progress == 0.5 && x.Text == "0.5 done" })
		close(release)
		see("the end", func(x *run.Run) bool { return x.State == run.Succeeded && x.Progress == 1 && len(x.Result) > 0 })
		for _, states := range all {
			if x := hosttest.Receive(t, "the end of the channel", states); x != nil {
				t.Errorf("got %s after the end", x.State)
			}
		}
	})
}

// TestAgain starts a run again. Sensitive arguments must be entered again.
func TestAgain(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, s *site) {
		w := new(work)
		s.host(w)
		r, ann := s.panel(), who("ann", report...)
		x := start(t, r, ann, "Report", `{"month": 12345678901234567890, "lines": ["a"], "more": {"b": 1.50}}`)
		end(t, r, ann, x.ID)
		q, hidden, err := r.Again(t.Context(), ann, x.ID)
		if err != nil || len(hidden) > 0 || string(q.Arguments) != `{"lines":["a"],"month":12345678901234567890,"more":{"b":1.50}}` {
			t.Errorf("got %s, %v, %v", q.Arguments, hidden, err)
		}
		x = start(t, r, ann, "Login", `{"name": "bob", "password": "hunter2"}`)
		end(t, r, ann, x.ID)
		q, hidden, err = r.Again(t.Context(), ann, x.ID)
		if err != nil || !slices.Equal(hidden, []string{"password"}) || string(q.Arguments) != `{"name":"bob"}` {
			t.Errorf("got %s, %v, %v", q.Arguments, hidden, err)
		}
		for _, column := range []string{"arguments", "error", "result", "hidden"} {
			var n int
			if err := r.DB().QueryRowContext(t.Context(), `SELECT count(*) FROM gomeko_panel_run WHERE `+column+` LIKE '%hunter2%'`).Scan(&n); err != nil || n > 0 {
				t.Errorf("the column %s has the password %d times, %v", column, n, err)
			}
		}
		var n int
		if err := r.DB().QueryRowContext(t.Context(), `SELECT count(*) FROM gomeko_panel_audit WHERE details LIKE '%hunter2%'`).Scan(&n); err != nil || n > 0 {
			t.Errorf("the audit trail has the password %d times, %v", n, err)
		}
	})
}

// TestWithoutStore starts jobs through the broker only.
func TestWithoutStore(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, s *site) {
		w, begun, release := blocked()
		s.host(w)
		r, ann := s.panel(func(c *run.Config) { c.Jobs = nil }), who("ann", update...)
		x := start(t, r, ann, "Update", `{}`)
		hosttest.Next(t, begun)
		if err := r.Cancel(t.Context(), ann, x.ID); err == nil || !strings.Contains(err.Error(), "needs a store of jobs") {
			t.Errorf("got %v", err)
		}
		release <- nil
		if x = end(t, r, ann, x.ID); x.State != run.Succeeded || string(x.Result) != `"update false"` {
			t.Errorf("got %s %s: %s", x.State, x.Result, x.Error)
		}
		x = start(t, r, ann, "Update", `{}`)
		hosttest.Next(t, begun)
		release <- errors.New("no")
		if x = end(t, r, ann, x.ID); x.State != run.Failed || !strings.Contains(x.Error, "no") {
			t.Errorf("got %s %s: %s", x.State, x.Result, x.Error)
		}
	})
}

// TestUnique starts a job whose unique key another job has: both runs show the same job.
func TestUnique(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, s *site) {
		w, begun, release := blocked()
		s.host(w)
		r, ann, bob := s.panel(), who("ann", update...), who("bob", update...)
		x := start(t, r, ann, "Once", `{"name": "a"}`)
		hosttest.Next(t, begun)
		y := start(t, r, bob, "Once", `{"name": "a"}`)
		if y.Job != x.ID || y.ID == x.ID {
			t.Errorf("got the job %s, want %s", y.Job, x.ID)
		}
		if err := r.Cancel(t.Context(), bob, y.ID); !errors.As(err, new(*run.DeniedError)) {
			t.Errorf("to cancel the job of another one: got %v", err)
		}
		release <- nil
		for _, id := range []string{x.ID, y.ID} {
			if x := end(t, r, who("boss", run.View), id); x.State != run.Succeeded {
				t.Errorf("got %s: %s", x.State, x.Error)
			}
		}
	})
}

// TestPrune deletes runs that are too old or too many.
func TestPrune(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, s *site) {
		release := make(chan struct{})
		s.host(&work{do: func(_ context.Context, what string) (any, error) {
			if strings.HasPrefix(what, "update") {
				<-release
			}
			return what, nil
		}})
		r, ann := s.panel(func(c *run.Config) { c.Keep, c.Most = time.Hour, 3 }), who("ann", append(update, report...)...)
		open := start(t, r, ann, "Update", `{}`)
		var ids []string
		for range 5 {
			x := start(t, r, ann, "Report", `{"month": 7}`)
			end(t, r, ann, x.ID)
			ids = append(ids, x.ID)
		}
		if _, err := r.DB().ExecContext(t.Context(), `UPDATE gomeko_panel_run SET started_at = started_at - 7200000000 WHERE id = $1`, ids[4]); err != nil {
			t.Fatal(err)
		}
		if err := r.Prune(t.Context()); err != nil {
			t.Fatal(err)
		}
		close(release)
		all, err := r.List(t.Context(), ann, run.Filter{})
		var left []string
		for _, x := range all {
			left = append(left, x.ID)
		}
		if err != nil || !slices.Equal(left, []string{ids[3], ids[2], ids[1], open.ID}) {
			t.Errorf("got %v of %v and %s, %v", left, ids, open.ID, err)
		}
	})
}
