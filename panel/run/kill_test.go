package run_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/internal/postgres"
	"github.com/gomeko/gomeko/internal/sqlite"
	jobspostgres "github.com/gomeko/gomeko/jobs/postgres"
	jobssqlite "github.com/gomeko/gomeko/jobs/sqlite"
	"github.com/gomeko/gomeko/panel/account"
	"github.com/gomeko/gomeko/panel/grant"
	"github.com/gomeko/gomeko/panel/run"
	"github.com/gomeko/gomeko/transport"
)

// processVariable holds the settings of a panel process that a test starts.
const processVariable = "GOMEKO_TEST_PANEL"

// A process is a process of a panel that starts a run and is killed at one of its steps.
type process struct {
	Broker, Database, Jobs, Key string
	Kind                        account.Dialect
	Step                        string
	After                       string // a file whose existence allows the kill; "" for none
	Request                     run.Request
}

// panelProcess runs this process. It returns only if it fails.
func panelProcess(settings string) error {
	var p process
	if err := json.Unmarshal([]byte(settings), &p); err != nil {
		return err
	}
	ctx := context.Background()
	open, openJobs := sqlite.Connect, jobssqlite.Open
	if p.Kind == account.PostgreSQL {
		open, openJobs = postgres.Connect, jobspostgres.Open
	}
	db, _, err := open(ctx, p.Database)
	if err != nil {
		return err
	}
	cfg := run.Config{DB: db, Dialect: p.Kind}
	if cfg.Accounts, err = account.Open(ctx, db, p.Kind); err != nil {
		return err
	}
	if cfg.Jobs, err = openJobs(ctx, p.Jobs); err != nil {
		return err
	}
	if cfg.Key, err = grant.ParseKey(p.Key); err != nil {
		return err
	}
	if cfg.Conn, err = transport.Dial(ctx, transport.Config{URI: p.Broker, Logger: slog.New(slog.DiscardHandler)}); err != nil {
		return err
	}
	cfg.SetTimes(20*time.Millisecond, 20*time.Millisecond, time.Second)
	r, err := run.Open(ctx, cfg)
	if err != nil {
		return err
	}
	r.SetStep(func(step, _ string) {
		if step == p.Step {
			hosttest.Poll(func() (struct{}, bool) { return struct{}{}, p.After == "" || exists(p.After) })
			self, _ := os.FindProcess(os.Getpid())
			_ = self.Kill()
			select {}
		}
	})
	if _, err := r.Start(ctx, who("ann", append(update, report...)...), p.Request); err != nil {
		return err
	}
	select {}
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

// killed runs a process of a panel until it is killed.
func (s *site) killed(step, after string, q run.Request) {
	s.t.Helper()
	settings, err := json.Marshal(process{s.broker, s.database, s.jobsURI(), s.key.PEM(), s.kind, step, after, q})
	if err != nil {
		s.t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), processVariable+"="+string(settings))
	p := hosttest.StartProcess(s.t, cmd)
	hosttest.Receive(s.t, "the end of the panel", p.Ended())
	if !strings.Contains(p.State(), "killed") {
		s.t.Fatalf("the panel has ended with %s: %s", p.State(), p.Stderr())
	}
}

// TestKilled kills the process of a panel at each step of a run. Another process of the panel
// reports the truth about the run, and no job runs twice. If the user sends the same form again, it
// runs once.
func TestKilled(t *testing.T) {
	t.Parallel()
	rounds := 1
	if os.Getenv("GOMEKO_SOAK") != "" {
		rounds = 20
	}
	onPairs(t, func(t *testing.T, s *site) {
		ran := filepath.Join(t.TempDir(), "ran")
		w := &work{do: func(_ context.Context, what string) (any, error) { return what, os.WriteFile(ran, nil, 0o600) }}
		s.host(w)
		r := s.panel(func(c *run.Config) { c.SetTimes(20*time.Millisecond, 20*time.Millisecond, time.Second) })
		ann := who("ann", append(update, report...)...)
		lost, doubled, hung := 0, 0, 0
		for round := range rounds {
			for i, test := range []struct {
				row, step string
				state     run.State
				text      string
				ran       int
				again     run.State // the state after sending the same form again
			}{
				{"Report", "recorded", run.Lost, "before it was known whether the call was sent", 0, run.Lost},
				{"Report", "sent", run.Lost, "before it was known whether the call was sent", 1, run.Lost},
				{"Report", "answered", run.Lost, "while it waited for the answer", 1, run.Lost},
				{"Update", "recorded", run.Lost, "before it had enqueued the job: it does not run", 0, run.Succeeded},
				{"Update", "sent", run.Succeeded, "", 1, run.Succeeded},
			} {
				before := len(w.all())
				q := run.Request{Service: "shop", Row: test.row, Nonce: fmt.Sprint(round, " ", i)}
				if q.Arguments = json.RawMessage(`{}`); test.row == "Report" {
					q.Arguments = json.RawMessage(`{"month": 7}`)
				}
				after := ""
				if test.ran > 0 {
					after = ran
				}
				s.killed(test.step, after, q)
				_ = os.Remove(ran) // it may not exist
				x := s.settled(r, ann)
				if x == nil {
					hung++
					continue
				}
				if x.State != test.state || !strings.Contains(x.Error, test.text) {
					t.Errorf("%s, killed when %s: the run is %s: %s", test.row, test.step, x.State, x.Error)
				}
				n := len(w.all()) - before
				if doubled += max(0, n-test.ran); n < test.ran {
					lost++
				}
				again, err := r.Start(t.Context(), ann, q)
				if err != nil || again.ID != x.ID {
					t.Fatalf("%s, killed when %s: the same form leads to %+v, %v", test.row, test.step, again, err)
				}
				if again = end(t, r, ann, x.ID); again.State != test.again {
					t.Errorf("%s, killed when %s: the same form leads to %s: %s", test.row, test.step, again.State, again.Error)
				}
				want := test.ran
				if test.again == run.Succeeded {
					want = 1
				}
				n = len(w.all()) - before
				doubled, lost = doubled+max(0, n-want), lost+max(0, want-n)
			}
		}
		if lost+doubled+hung > 0 {
			t.Errorf("%d lost, %d doubled, %d hung", lost, doubled, hung)
		}
	})
}

// settled returns the latest run when it has ended, or nil if that takes too long.
func (s *site) settled(r *run.Runs, w run.Who) *run.Run {
	s.t.Helper()
	return hosttest.Poll(func() (*run.Run, bool) {
		all, err := r.List(s.t.Context(), w, run.Filter{Limit: 1})
		if err != nil || len(all) != 1 || !slices.Contains([]run.State{run.Lost, run.Succeeded}, all[0].State) {
			return nil, false
		}
		return all[0], true
	})
}
