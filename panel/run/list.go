package run

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/gomeko/gomeko/panel/account"
)

// A Filter selects runs. Empty fields select all.
type Filter struct {
	User    string
	Service string
	Row     string // of Service
	State   State
	From    time.Time // started then or later
	To      time.Time // started before
	Before  int64     // runs with a lower Seq: the Seq of the last run of the page before
	Limit   int       // 0 is 100
}

// page is how many runs a page has by default.
const page = 100

// List returns a page of runs, the latest first, without their results. Of users without the group
// [View] it has only their own runs; if f names another user, the error is a [DeniedError]. The
// states of jobs are those that the store has now. The filter may know them a few seconds later.
func (r *Runs) List(ctx context.Context, who Who, f Filter) ([]*Run, error) {
	if denied := who.require(View, "the runs of others"); denied != nil {
		if f.User != "" && f.User != who.User.Name {
			return nil, denied
		}
		f.User = who.User.Name
	}
	if f.Row != "" && f.Service == "" {
		return nil, fmt.Errorf("run.Filter: Row %q without Service: set both", f.Row)
	}
	first, end, err := r.bounds(ctx, f)
	if err != nil {
		return nil, err
	}
	query, args := f.statement(r.cfg.Dialect, first, end)
	all, err := r.runs(ctx, r.cfg.DB, query, args...)
	if err != nil {
		return nil, err
	}
	return all, r.renewed(ctx, all)
}

// renewed gives runs what the store has of their jobs, and since when no worker serves them.
func (r *Runs) renewed(ctx context.Context, all []*Run) error {
	if err := r.refresh(ctx, all); err != nil {
		return err
	}
	for _, x := range all {
		if x.State == Queued || x.State == Scheduled {
			x.Unserved = r.Unserved(ctx, x.Service, x.Row)
		}
	}
	return nil
}

// around is how much the order of the runs and the order of their times may differ.
const around = time.Minute

// bounds returns between which numbers the runs are that a filter selects: the first one, and the
// end, which is not one of them.
func (r *Runs) bounds(ctx context.Context, f Filter) (first, end int64, err error) {
	first, end = 0, cmp.Or(max(f.Before, 0), math.MaxInt64)
	bound := func(query string, at time.Time, none int64) (seq int64) {
		if err != nil {
			return 0
		}
		err = r.cfg.DB.QueryRowContext(ctx, `SELECT seq FROM gomeko_panel_run WHERE started_at `+query+` LIMIT 1`, at.UnixMicro()).Scan(&seq)
		if errors.Is(err, sql.ErrNoRows) {
			seq, err = none, nil
		}
		return seq
	}
	if !f.From.IsZero() {
		first = bound(`>= $1 ORDER BY started_at`, f.From.Add(-around), math.MaxInt64)
	}
	if !f.To.IsZero() {
		end = min(end, bound(`< $1 ORDER BY started_at DESC`, f.To.Add(around), -1)+1)
	}
	return first, end, err
}

// statement returns the statement that selects a page among the runs from first to end. Whatever
// the filter, it reads an index from the place where the page begins: one for each state, if f
// names none.
func (f *Filter) statement(dialect account.Dialect, first, end int64) (query string, args []any) {
	add := func(value any) string {
		args = append(args, value)
		return fmt.Sprintf("$%d", len(args))
	}
	from, before, limit := add(first), add(end), add(cmp.Or(max(f.Limit, 0), page))
	further := ""
	if !f.From.IsZero() {
		further += " AND started_at >= " + add(f.From.UnixMicro())
	}
	if !f.To.IsZero() {
		further += " AND started_at < " + add(f.To.UnixMicro())
	}
	var columns, values []string
	for _, x := range []struct{ column, value string }{{"actor", f.User}, {"service", f.Service}, {"name", f.Row}} {
		if x.value != "" {
			columns, values = append(columns, x.column), append(values, add(x.value))
		}
	}
	one := func(columns, values []string) string {
		where := where(dialect, columns, values, from, before)
		order := strings.Join(append(columns[:len(columns):len(columns)], "seq"), " DESC, ")
		return `SELECT seq FROM gomeko_panel_run WHERE ` + where + further + ` ORDER BY ` + order + ` DESC LIMIT ` + limit
	}
	switch {
	case f.State != "":
		query = one(append(columns, "state"), append(values, add(string(f.State))))
	case len(columns) == 0:
		query = one(nil, nil)
	default:
		parts := make([]string, len(States()))
		columns = append(columns, "state")
		for i, s := range States() {
			parts[i] = fmt.Sprintf(`SELECT * FROM (%s) AS n%d`, one(columns, append(values[:len(values):len(values)], "'"+string(s)+"'")), i)
		}
		query = `SELECT seq FROM (` + strings.Join(parts, " UNION ALL ") + `) AS n ORDER BY seq DESC LIMIT ` + limit
	}
	return `SELECT ` + light + ` FROM gomeko_panel_run WHERE seq {among} (` + query + `)) ORDER BY seq DESC`, args
}

// where returns the condition for rows of these columns and values whose seq is between from and
// before. PostgreSQL gets a range of rows, which only the index of these columns has: for columns
// that are equal to something it may read the other ones, if it takes a value for frequent.
func where(dialect account.Dialect, columns, values []string, from, before string) string {
	if dialect == account.PostgreSQL && len(columns) > 0 {
		row, and := "("+strings.Join(columns, ", ")+", seq)", strings.Join(values, ", ")
		return fmt.Sprintf("%s < (%s, %s) AND %s >= (%s, %s)", row, and, before, row, and, from)
	}
	conditions := []string{"seq < " + before, "seq >= " + from}
	for i, column := range columns {
		conditions = append(conditions, column+" = "+values[i])
	}
	return strings.Join(conditions, " AND ")
}

// Get returns a run as it is now. The error wraps [ErrNotFound], or is a [DeniedError] for the run
// of another user.
func (r *Runs) Get(ctx context.Context, who Who, id string) (*Run, error) {
	found, err := r.load(ctx, id)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("run %.60q: %w", clean(id), ErrNotFound)
	}
	if err := who.see(found[0]); err != nil {
		return nil, err
	}
	return found[0], r.renewed(ctx, found)
}

// see returns a [DeniedError] if the run must not be seen.
func (w Who) see(x *Run) error {
	if w.User.Name == x.User && w.User.Disabled.IsZero() {
		return nil
	}
	return w.require(View, "the runs of others")
}

// load returns runs by their ids, in any order.
func (r *Runs) load(ctx context.Context, ids ...string) (all []*Run, err error) {
	for part := range slices.Chunk(ids, atOnce) {
		list := make([]string, len(part))
		args := make([]any, len(part))
		for i, id := range part {
			list[i], args[i] = fmt.Sprintf("$%d", i+1), clean(id)
		}
		found, err := r.runs(ctx, r.cfg.DB, `SELECT `+columns+` FROM gomeko_panel_run WHERE id IN (`+strings.Join(list, ", ")+`)`, args...)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// Result returns the whole result of a run as JSON, nil if it has none. One that is larger than
// [Config].MaxResult comes from the store of the jobs, as long as that keeps the job; that of a
// call is not kept.
func (r *Runs) Result(ctx context.Context, who Who, id string) (json.RawMessage, error) {
	x, err := r.Get(ctx, who, id)
	if err != nil || x.Result != nil || x.Size == 0 || x.Kind != Job || r.cfg.Jobs == nil {
		if err != nil {
			return nil, err
		}
		return x.Result, nil
	}
	found, err := r.cfg.Jobs.Get(ctx, x.Job)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return found[0].Result, nil
}
