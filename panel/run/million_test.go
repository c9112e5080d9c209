package run_test

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/panel/account"
	"github.com/gomeko/gomeko/panel/run"
)

// fill adds n runs of 50 users and 20 rows of 4 services to the history, one per second. Of each
// thousand, one has failed and one was lost.
func fill(t testing.TB, r *run.Runs, kind account.Dialect, n int) {
	t.Helper()
	numbers := fmt.Sprintf(`generate_series(1, %d) AS n(i)`, n)
	if kind == account.SQLite {
		numbers = fmt.Sprintf(`(WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < %d) SELECT i FROM s) AS n`, n)
	}
	execute(t, r, fmt.Sprintf(`INSERT INTO gomeko_panel_run (id, kind, service, name, call, allow, actor, address, nonce, arguments, hidden, state, open,
	started_at, sent_at, began_at, ended_at, owner, lease_at, cancel, job, attempts, result, size, error_type, error)
SELECT 'run-' || i, 'jobs', 'service' || (i %% 4), 'Row' || (i %% 20), 'row', 'a', 'user' || (i %% 50), '', 'n' || i, '{"month":7}', '[]',
	CASE i %% 1000 WHEN 7 THEN 'failed' WHEN 8 THEN 'lost' ELSE 'succeeded' END, 0,
	%d - (%d - i) * CAST(1000000 AS bigint), 1, 1, 1, '', 0, '', 'run-' || i, 1, '7', 1, '', '' FROM `+numbers, time.Now().UnixMicro(), n))
	execute(t, r, `ANALYZE`)
}

func execute(t testing.TB, r *run.Runs, statement string) {
	t.Helper()
	if _, err := r.DB().ExecContext(context.Background(), statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// pages are filters of all kinds. n is the number of runs.
func pages(n int) map[string]run.Filter {
	now, half := time.Now(), time.Duration(n/2)*time.Second
	return map[string]run.Filter{
		"all":                   {},
		"from the midst":        {Before: int64(n / 2)},
		"state":                 {State: run.Failed},
		"none of a state":       {State: run.Queued},
		"user":                  {User: "user7"},
		"user, state":           {User: "user7", State: run.Failed},
		"user without runs":     {User: "nobody"},
		"service":               {Service: "service3"},
		"service, state":        {Service: "service3", State: run.Lost},
		"row":                   {Service: "service3", Row: "Row7"},
		"row, state":            {Service: "service3", Row: "Row7", State: run.Failed},
		"user, service":         {User: "user7", Service: "service3"},
		"user, row":             {User: "user7", Service: "service3", Row: "Row7"},
		"user, row, state":      {User: "user7", Service: "service3", Row: "Row7", State: run.Lost},
		"times":                 {From: now.Add(-half - time.Hour), To: now.Add(-half)},
		"times, user, state":    {From: now.Add(-half - time.Hour), To: now.Add(-half), User: "user7", State: run.Failed},
		"times, state":          {From: now.Add(-half - time.Hour), To: now.Add(-half), State: run.Failed},
		"until":                 {To: now.Add(-half)},
		"until long ago":        {To: now.Add(-10 * 365 * 24 * time.Hour)},
		"from":                  {From: now.Add(-half), User: "user7"},
		"from tomorrow":         {From: now.Add(24 * time.Hour)},
		"user, from the midst":  {User: "user7", Before: int64(n / 2)},
		"state, from the start": {State: run.Failed, Before: 1000},
	}
}

// TestPages checks the runs of each page, and that no query reads the whole table.
func TestPages(t *testing.T) {
	t.Parallel()
	onDatabases(t, func(t *testing.T, s *site) {
		const n = 5000
		r := s.panel()
		fill(t, r, s.kind, n)
		boss := who("boss", run.View)
		all, err := r.List(t.Context(), boss, run.Filter{Limit: n})
		if err != nil || len(all) != n {
			t.Fatalf("got %d runs, %v", len(all), err)
		}
		explain := "EXPLAIN "
		if s.kind == account.SQLite {
			explain = "EXPLAIN QUERY PLAN "
		}
		whole := regexp.MustCompile(`Seq Scan on gomeko_panel_run|SCAN gomeko_panel_run($|\n)`)
		for name, f := range pages(n) {
			got, err := r.List(t.Context(), boss, f)
			if want := selected(all, f); err != nil || !slices.Equal(seqs(got), want) {
				t.Errorf("%s: got %d runs, want %d, %v", name, len(got), len(want), err)
			}
			query, args, err := r.Statement(t.Context(), f)
			if err != nil {
				t.Fatal(err)
			}
			if plan := plan(t, r, explain+query, args...); whole.MatchString(plan) {
				t.Errorf("%s reads the whole table:\n%s", name, plan)
			}
		}
	})
}

// onDatabases runs a test on both databases.
func onDatabases(t *testing.T, test func(t *testing.T, s *site)) {
	t.Helper()
	for _, kind := range []account.Dialect{account.SQLite, account.PostgreSQL} {
		t.Run(string(kind), func(t *testing.T) { test(t, newSite(t, brokertest.Embedded(t), kind)) })
	}
}

func seqs(all []*run.Run) (seqs []int64) {
	for _, x := range all {
		seqs = append(seqs, x.Seq)
	}
	return seqs
}

// selected returns the runs that a filter selects, computed by a loop over all runs.
func selected(all []*run.Run, f run.Filter) (seqs []int64) {
	for _, x := range all {
		switch {
		case f.User != "" && x.User != f.User, f.Service != "" && x.Service != f.Service, f.Row != "" && x.Row != f.Row, f.State != "" && x.State != f.State,
			!f.From.IsZero() && x.Started.Before(f.From), !f.To.IsZero() && !x.Started.Before(f.To), f.Before > 0 && x.Seq >= f.Before, len(seqs) == 100:
		default:
			seqs = append(seqs, x.Seq)
		}
	}
	return seqs
}

// plan returns the database's plan for a statement.
func plan(t testing.TB, r *run.Runs, query string, args ...any) string {
	t.Helper()
	rows, err := r.DB().QueryContext(t.Context(), query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for rows.Next() {
		cells := make([]any, len(columns))
		for i := range cells {
			cells[i] = new(any)
		}
		if err := rows.Scan(cells...); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, fmt.Sprint(*cells[len(cells)-1].(*any)))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return strings.Join(lines, "\n")
}

// BenchmarkMillion reads pages of a history of a million runs.
func BenchmarkMillion(b *testing.B) {
	const n = 1_000_000
	for _, kind := range []account.Dialect{account.SQLite, account.PostgreSQL} {
		if kind == account.PostgreSQL && os.Getenv("GOMEKO_POSTGRES") == "" {
			continue
		}
		r := newSite(b, brokertest.Embedded(b), kind).panel()
		fill(b, r, kind, n)
		boss, all := who("boss", run.View), pages(n)
		for _, name := range slices.Sorted(keys(all)) {
			b.Run(string(kind)+"/"+strings.ReplaceAll(name, ", ", "+"), func(b *testing.B) {
				for b.Loop() {
					if _, err := r.List(b.Context(), boss, all[name]); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func keys(m map[string]run.Filter) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for name := range m {
			if !yield(name) {
				return
			}
		}
	}
}

// BenchmarkWatch lets 100 users watch 100 jobs whose progress changes every second. It reports the
// share of a core that this takes, including the databases of the panel and of the jobs.
func BenchmarkWatch(b *testing.B) {
	for _, kind := range []account.Dialect{account.SQLite, account.PostgreSQL} {
		if kind == account.PostgreSQL && os.Getenv("GOMEKO_POSTGRES") == "" {
			continue
		}
		b.Run(string(kind), func(b *testing.B) {
			s := newSite(b, brokertest.Embedded(b), kind)
			r := s.panel(func(c *run.Config) {
				c.SetTimes(0, 0, 0)
				c.Find = s.found()
			})
			ann := who("ann", update...)
			for range 100 {
				x := start(b, r, ann, "Update", `{}`)
				states, err := r.Watch(b.Context(), ann, x.ID)
				if err != nil {
					b.Fatal(err)
				}
				go func() {
					for range states { // a page
					}
				}()
			}
			began, used := time.Now(), cpu()
			for b.Loop() {
				time.Sleep(time.Second)
			}
			b.ReportMetric(100*(cpu()-used).Seconds()/time.Since(began).Seconds(), "%core")
		})
	}
}

// cpu returns the CPU time that the process has used.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// found returns a func that finds the shop without a worker.
func (s *site) found() func(context.Context, string) (run.Service, error) {
	s.t.Helper()
	host := s.host(new(work))
	known, err := s.panel(func(c *run.Config) { c.SetTimes(time.Hour, time.Hour, time.Hour) }).Find()(s.t.Context(), "shop")
	if err == nil {
		err = host.Stop(s.t.Context())
	}
	if err != nil {
		s.t.Fatal(err)
	}
	known.Running, known.Seen = false, time.Now()
	return func(context.Context, string) (run.Service, error) { return known, nil }
}
