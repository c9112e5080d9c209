package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
)

// A Filter selects jobs. The zero Filter selects all.
type Filter struct {
	Service string
	Name    string
	Queue   string
	States  []State
	Before  int64 // only jobs with a lower Seq: the Seq of the last job of the page before
	Limit   int   // of a page; the default is 100
}

const (
	// pairs selects the services and names of jobs: it steps through an index from one to the next.
	pairs = `WITH RECURSIVE step(service, name) AS (
	SELECT * FROM (SELECT service, name FROM gomeko_job WHERE service >= $1 ORDER BY service, name LIMIT 1) AS n
	UNION ALL
	SELECT * FROM (SELECT j.service, j.name FROM gomeko_job AS j, step
		WHERE (j.service, j.name) > (step.service, step.name) ORDER BY j.service, j.name LIMIT 1) AS n)
SELECT service, name FROM step`
)

// A Count is how many jobs there are of a name in a state.
type Count struct {
	Service string
	Name    string
	State   State
	Jobs    int64
}

// Counts counts all jobs, ordered by Service, Name and State. It reads an index from end to end:
// about a tenth of a second for a million jobs.
func (s *Store) Counts(ctx context.Context) (all []Count, err error) {
	err = s.read(func(c conn) error {
		return each(ctx, c, func(rows *sql.Rows) error {
			var n Count
			err := rows.Scan(&n.Service, &n.Name, &n.State, &n.Jobs)
			all = append(all, n)
			return err
		}, `SELECT service, name, state, count(*) FROM gomeko_job GROUP BY service, name, state ORDER BY service, name, state`)
	})
	return all, err
}

// page is how many jobs a page of a list has by default.
const page = 100

// List returns a page of jobs, newest first, without Payload, Headers and Result: [Store.Get] has them.
func (s *Store) List(ctx context.Context, f Filter) (found []Job, err error) {
	f.Limit = cmp.Or(f.Limit, page)
	where := []string{"true"}
	var args []any
	add := func(condition string, value any) {
		args = append(args, value)
		where = append(where, fmt.Sprintf(condition, len(args)))
	}
	if f.Service != "" {
		add("service = $%d", f.Service)
	}
	if f.Name != "" {
		add("name = $%d", f.Name)
	}
	if f.Queue != "" {
		add("queue = $%d", f.Queue)
	}
	if len(f.States) > 0 {
		add("state {items $%d}", object(f.States))
	}
	if f.Before > 0 {
		add("seq < $%d", f.Before)
	}
	add("true ORDER BY seq DESC LIMIT $%d", f.Limit)
	err = s.read(func(c conn) (err error) {
		found, err = jobs(ctx, c, s.text("SELECT {light} FROM gomeko_job WHERE "+strings.Join(where, " AND ")), args...)
		return err
	})
	return slices.Clip(found), err
}
