package run_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/hosttest"
	jobspostgres "github.com/gomeko/gomeko/jobs/postgres"
	jobssqlite "github.com/gomeko/gomeko/jobs/sqlite"
	"github.com/gomeko/gomeko/jobs/store"
	"github.com/gomeko/gomeko/panel/account"
	"github.com/gomeko/gomeko/panel/run"
)

// TestOtherStore runs two processes of a panel with different stores of jobs on one database.
// Neither reports on the jobs of the other.
func TestOtherStore(t *testing.T) {
	t.Parallel()
	onPairs(t, func(t *testing.T, s *site) {
		w, begun, release := blocked()
		s.host(w)
		slow := func(c *run.Config) { c.SetTimes(time.Hour, 20*time.Millisecond, 0) }
		other := s.otherJobs()
		here, there := s.panel(slow), s.panel(slow, func(c *run.Config) { c.Jobs = other })
		ann := who("ann", update...)
		x := start(t, here, ann, "Update", `{}`)
		hosttest.Next(t, begun)
		y := start(t, here, ann, "Update", `{}`)
		s.exec(`UPDATE gomeko_panel_run SET started_at = started_at - 7200000000`)
		s.exec(`UPDATE gomeko_panel_run SET state = 'starting', sent_at = 0, owner = 'dead', lease_at = 1 WHERE id = '` + y.ID + `'`)
		states := func(r *run.Runs) string {
			t.Helper()
			if err := r.Follow(t.Context()); err != nil {
				t.Fatal(err)
			}
			all, err := r.List(t.Context(), ann, run.Filter{})
			if err != nil || len(all) != 2 {
				t.Fatalf("got %v, %v", all, err)
			}
			return fmt.Sprint(all[1].State, " ", all[0].State)
		}
		if got := states(there); got != "queued starting" {
			t.Errorf("the other process has made them %s", got)
		}
		if err := there.Cancel(t.Context(), ann, x.ID); err == nil || !strings.Contains(err.Error(), "in another store of jobs") {
			t.Errorf("the other process has cancelled it: %v", err)
		}
		if got := states(here); got != "running queued" {
			t.Errorf("the process with the store has made them %s", got)
		}
		release <- nil
		release <- nil
		for _, id := range []string{x.ID, y.ID} {
			if x := end(t, here, ann, id); x.State != run.Succeeded {
				t.Errorf("got %s: %s", x.State, x.Error)
			}
			if x, err := there.Get(t.Context(), ann, id); err != nil || x.State != run.Succeeded {
				t.Errorf("got %+v, %v", x, err)
			}
		}
	})
}

// otherJobs opens another store of jobs.
func (s *site) otherJobs() (jobs *store.Store) {
	s.t.Helper()
	var err error
	if s.kind == account.SQLite {
		jobs, err = jobssqlite.Open(s.t.Context(), filepath.Join(s.t.TempDir(), "other.db"))
	} else {
		jobs, err = jobspostgres.Open(s.t.Context(), hosttest.Schema(s.t))
	}
	if err == nil {
		s.t.Cleanup(func() { jobs.Close() })
		_, _, err = jobs.Migrate(s.t.Context())
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return jobs
}

// exec changes the database without the panel.
func (s *site) exec(statement string) {
	s.t.Helper()
	if _, err := s.connect().ExecContext(s.t.Context(), statement); err != nil {
		s.t.Fatal(err)
	}
}

// TestTooMany starts many runs of a user at once. No more than the limit are open, and other users
// can start theirs.
func TestTooMany(t *testing.T) {
	t.Parallel()
	onPairs(t, func(t *testing.T, s *site) {
		w, _, release := blocked()
		s.host(w)
		limit := func(c *run.Config) { c.MaxOpen = 3 }
		here, there := s.panel(limit), s.panel(limit)
		ann, bob := who("ann", update...), who("bob", update...)
		q := run.Request{Service: "shop", Row: "Update", Arguments: json.RawMessage(`{}`)}
		var wg sync.WaitGroup
		for i := range 12 {
			wg.Go(func() {
				r := here
				if i%2 > 0 {
					r = there
				}
				if _, err := r.Start(t.Context(), ann, q); err != nil && !errors.Is(err, run.ErrTooMany) {
					t.Errorf("got %v", err)
				}
			})
		}
		wg.Wait()
		all, err := here.List(t.Context(), ann, run.Filter{})
		if err != nil || len(all) != 3 {
			t.Fatalf("got %d runs, %v", len(all), err)
		}
		refused := 0
		for _, line := range s.audit() {
			if strings.Contains(line, "too many runs: 3 of user ann have not ended") {
				refused++
			}
		}
		if refused != 9 {
			t.Errorf("the audit trail has %d that were refused", refused)
		}
		x := start(t, here, bob, "Update", `{}`)
		for range 5 {
			release <- nil
		}
		end(t, here, bob, x.ID)
		for _, x := range all {
			end(t, here, ann, x.ID)
		}
		end(t, here, ann, start(t, here, ann, "Update", `{}`).ID)
	})
}

// TestPruneOfUser deletes runs of a user who has too many, but none of other users.
func TestPruneOfUser(t *testing.T) {
	t.Parallel()
	onPairs(t, func(t *testing.T, s *site) {
		s.host(new(work))
		r := s.panel(func(c *run.Config) { c.Most = 2 })
		ann, bob, boss := who("ann", report...), who("bob", report...), who("boss", run.View)
		for _, w := range []run.Who{bob, ann, ann, ann, ann, who("zoe", report...)} {
			end(t, r, w, start(t, r, w, "Report", `{"month": 7}`).ID)
		}
		if err := r.Prune(t.Context()); err != nil {
			t.Fatal(err)
		}
		all, err := r.List(t.Context(), boss, run.Filter{})
		var left []string
		for _, x := range all {
			left = append(left, fmt.Sprint(x.User, x.Seq))
		}
		if got := fmt.Sprint(left); err != nil || got != "[zoe6 ann5 ann4 bob1]" {
			t.Errorf("got %s, %v", got, err)
		}
	})
}

// TestNonceHidden sends a form twice, and once more with another password, which the history does
// not keep.
func TestNonceHidden(t *testing.T) {
	t.Parallel()
	onPairs(t, func(t *testing.T, s *site) {
		w := new(work)
		s.host(w)
		withoutKey := func(c *run.Config) { c.Key = nil }
		here, there, ann := s.panel(), s.panel(), who("ann", report...)
		plain, second := s.panel(withoutKey), s.panel(withoutKey)
		for i, r := range [][2]*run.Runs{{here, there}, {plain, second}} {
			q := run.Request{Service: "shop", Row: "Login", Arguments: json.RawMessage(`{"name": "bob", "password": "hunter2"}`), Nonce: fmt.Sprint("form ", i)}
			x, err := r[0].Start(t.Context(), ann, q)
			if err != nil || x.Repeated {
				t.Fatalf("got %+v, %v", x, err)
			}
			end(t, r[0], ann, x.ID)
			q.Arguments = json.RawMessage(`{"password": "hunter2", "name": "bob"}`)
			if again, err := r[1].Start(t.Context(), ann, q); err != nil || again.ID != x.ID || !again.Repeated {
				t.Errorf("the same form: got %+v, %v", again, err)
			}
			q.Arguments = json.RawMessage(`{"name": "bob", "password": "hunter3"}`)
			var used *run.NonceError
			if again, err := r[1].Start(t.Context(), ann, q); !errors.As(err, &used) || used.ID != x.ID {
				t.Errorf("with another password: got %+v, %v", again, err)
			}
		}
	})
}
