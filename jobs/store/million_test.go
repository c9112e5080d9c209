package store_test

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/jobs/store"
)

// crowd inserts n jobs with five names in a state, with one statement. If state is "", all but one
// in a thousand have succeeded.
func crowd(t testing.TB, s *store.Store, n int, state string) {
	t.Helper()
	numbers, now, hour := `generate_series(1, %[4]d) AS n(i)`, `now()`, `interval '1 hour'`
	if strings.HasPrefix(s.Name(), "sqlite:") {
		numbers = `(WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < %[4]d) SELECT i FROM s) AS n`
		now, hour = `CAST(unixepoch('subsec') * 1000000 AS integer)`, `3600000000`
	}
	exec(context.Background(), t, s.Pool(), fmt.Sprintf(`INSERT INTO gomeko_job
	(id, service, name, queue, state, priority, payload, content_type, headers, reply_to, correlation_id, created_at, run_at, sweep_at, started_at,
		finished_at)
SELECT '%[1]s-' || i, 'images', 'job' || (i %% 5), 'gomeko.jobs.images', st, 0, '{}', 'application/json', '', '', '', %[2]s, %[2]s,
	CASE st WHEN 'scheduled' THEN %[2]s + %[3]s WHEN 'queued' THEN %[2]s + %[3]s END, %[2]s, CASE WHEN st IN ('succeeded', 'failed') THEN %[2]s END
FROM (SELECT i, CASE WHEN '%[1]s' <> '' THEN '%[1]s' WHEN i %% 1000 = 0 THEN 'failed' ELSE 'succeeded' END AS st FROM `+numbers+`) AS m`,
		state, now, hour, n), `ANALYZE`)
}

// queueUp assigns resources to the queued jobs of crowd: the same one to every second job, and one
// of n to the others.
func queueUp(t testing.TB, s *store.Store, n int) {
	t.Helper()
	exec(context.Background(), t, s.Pool(), fmt.Sprintf(
		`UPDATE gomeko_job SET id = 'line-' || id, resource = CASE WHEN seq %% 2 = 0 THEN 'all' ELSE 'r' || (seq / 2 %% %d) END WHERE state = 'queued'`, n), `ANALYZE`)
}

// TestPlans checks that no frequent operation reads a whole table, or sorts rows that an index has
// in order.
func TestPlans(t *testing.T) {
	eachDatabase(t, func(t *testing.T, open open) {
		s := migrated(t, open)
		for _, state := range []string{"", "scheduled", "queued"} {
			crowd(t, s, 1000, state)
		}
		queueUp(t, s, 10)
		crowd(t, s, 1000, "queued")
		exec(t.Context(), t, s.Pool(), `INSERT INTO gomeko_attempt SELECT seq, 1, '', '', NULL, created_at, 'fault', '', '' FROM gomeko_job`, `ANALYZE`)
		explain := "EXPLAIN "
		if strings.HasPrefix(s.Name(), "sqlite:") {
			explain = "EXPLAIN QUERY PLAN "
		}
		whole := regexp.MustCompile(`Seq Scan on gomeko_[^r]|SCAN (gomeko_|[jk]$|[jk] )`)
		for name, q := range store.Statements() {
			plan := plan(t, s, explain+s.Text(q.Text), q.Args...)
			if whole.MatchString(plan) && !strings.Contains(plan, "SCAN gomeko_job USING") {
				t.Errorf("%s reads a whole table:\n%s", name, plan)
			}
			if q.Ordered && regexp.MustCompile(`TEMP B-TREE|Sort`).MatchString(plan) {
				t.Errorf("%s sorts:\n%s", name, plan)
			}
			if q.Index != "" && !strings.Contains(plan, q.Index) {
				t.Errorf("%s does not use %s:\n%s", name, q.Index, plan)
			}
		}
	})
}

// plan returns the database's plan for a statement.
func plan(t testing.TB, s *store.Store, query string, args ...any) string {
	t.Helper()
	rows, err := s.Pool().QueryContext(t.Context(), query, args...)
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

// BenchmarkMillion runs operations that must not slow down with a million jobs, when most have
// ended, all are scheduled, or all are queued.
func BenchmarkMillion(b *testing.B) {
	for name, open := range map[string]open{"sqlite": openSQLite, "postgres": openPostgres} {
		if name == "postgres" && os.Getenv("GOMEKO_POSTGRES") == "" {
			continue
		}
		for _, state := range []string{"ended", "scheduled", "queued"} {
			s := migrated(b, open)
			crowd(b, s, 1_000_000, strings.TrimPrefix(state, "ended"))
			fill(b, s, 5000, "queue")
			pages := map[string]store.Filter{
				"ls":                        {},
				"ls failed":                 {States: []store.State{store.Failed}},
				"ls service":                {Service: "images"},
				"ls name":                   {Service: "images", Name: "job1"},
				"ls name failed":            {Service: "images", Name: "job1", States: []store.State{store.Failed}},
				"ls name running":           {Service: "images", Name: "job1", States: []store.State{store.Running}},
				"ls queue":                  {Queue: "gomeko.jobs.images"},
				"ls service from the midst": {Service: "images", Before: 500_000},
			}
			var names []string
			for page := range pages {
				names = append(names, page)
			}
			slices.Sort(names)
			for _, page := range names {
				measure(b, name+"/"+state+"/"+page, func() error { _, err := s.List(b.Context(), pages[page]); return err })
			}
			measure(b, name+"/"+state+"/counts", func() error { _, err := s.Counts(b.Context()); return err })
			measure(b, name+"/"+state+"/sweep", func() error { _, err := s.Sweep(b.Context(), store.Sweep{}); return err })
			measure(b, name+"/"+state+"/prune", func() error { _, err := s.Prune(b.Context(), time.Hour, 500); return err })
			measure(b, name+"/"+state+"/work", func() error { work(b, s, "ann", 10); return nil })
			measure(b, name+"/"+state+"/claim names", func() error {
				_, err := s.Claim(b.Context(), store.Claim{
					Owner: "ann", Queue: "gomeko.jobs.images", Names: []string{"job1", "job3"}, Limit: 10, Lease: time.Minute,
				})
				return err
			})
		}
	}
}

// BenchmarkLines runs operations that must not slow down with jobs that wait for resources: 10,000
// for one whose first job runs, and ten for each of 1,000.
func BenchmarkLines(b *testing.B) {
	for name, open := range map[string]open{"sqlite": openSQLite, "postgres": openPostgres} {
		if name == "postgres" && os.Getenv("GOMEKO_POSTGRES") == "" {
			continue
		}
		lines(b, migrated(b, open), name)
	}
}

func lines(b *testing.B, s *store.Store, name string) {
	var news []store.New
	for i := range 20_000 {
		n := store.New{ID: fmt.Sprint("line-", i), Service: "images", Name: "sync", Queue: "gomeko.jobs.images", Nudged: true}
		if n.Resource = "all"; i >= 10_000 {
			n.Resource = fmt.Sprint("r", i%1000)
		}
		news = append(news, n)
	}
	if _, err := s.Insert(b.Context(), news...); err != nil {
		b.Fatal(err)
	}
	exec(b.Context(), b, s.Pool(), `ANALYZE`)
	c := store.Claim{Owner: "ann", Host: "here", Queue: "gomeko.jobs.images", Names: []string{"sync"}, Limit: 1, Lease: time.Hour, Resources: true}
	measure(b, name+"/claim of a line", func() error {
		claimed, err := s.Claim(b.Context(), c)
		if err != nil || len(claimed) != 1 {
			return fmt.Errorf("claimed %v, %v", claimed, err)
		}
		j := claimed[0]
		_, _, err = s.FinishNext(b.Context(), store.End{ID: j.ID, Owner: "ann", Attempt: j.Attempt, State: store.Queued, Resource: j.Resource})
		return err
	})
	one := c
	one.Queue = "gomeko.jobs.other"
	for i := range 100 {
		n := store.New{ID: fmt.Sprint("few-", i), Service: "images", Name: "sync", Queue: one.Queue, Nudged: true, Terms: store.Terms{Resource: "all"}}
		if _, err := s.Insert(b.Context(), n); err != nil {
			b.Fatal(err)
		}
	}
	measure(b, name+"/claim of 1 resource that is held", func() error { _, err := s.Claim(b.Context(), one); return err })
	c.Limit = 500
	for { // all resources are held
		if claimed, err := s.Claim(b.Context(), c); err != nil || len(claimed) == 0 {
			break
		}
	}
	measure(b, name+"/sweep", func() error { _, err := s.Sweep(b.Context(), store.Sweep{}); return err })
	measure(b, name+"/claim of none", func() error {
		claimed, err := s.Claim(b.Context(), c)
		if len(claimed) > 0 {
			b.Fatal(claimed)
		}
		return err
	})
}

func measure(b *testing.B, name string, f func() error) {
	b.Run(name, func(b *testing.B) {
		for b.Loop() {
			if err := f(); err != nil {
				b.Fatal(err)
			}
		}
	})
}
