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
)

// A Filter selects runs. The zero Filter selects all runs.
type Filter struct {
	User    string
	Service string
	Row     string // a row of Service
	State   State
	From    time.Time // started at this time or later
	To      time.Time // started before this time
	Before  int64     // only runs with a lower Seq: set it to that of the last run of the previous page
	Limit   int       // maximum number of runs; the default is 100
}

// page is the default number of runs on a page.
const page = 100

// List returns a page of runs, latest first, without their results. Users who are not in the group
// [View] get only their own runs; if f names another user, the error is a [DeniedError]. The states
// of jobs are read from the store. The filter may use states that are a few seconds old.
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
	if f.State != "" && !slices.Contains(States(), f.State) {
		return nil, fmt.Errorf("run.Filter: State %.60q: must be one of %v", f.State, States())
	}
	first, end, err := r.bounds(ctx, f)
	if err != nil {
		return nil, err
	}
	query, args := f.statement(first, end)
	all, err := r.runs(ctx, r.cfg.DB, query, args...)
	if err != nil {
		return nil, err
	}
	return all, r.renewed(ctx, all)
}

// renewed updates runs from their jobs in the store, and sets since when no worker serves them.
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

// around is how much the order of runs may deviate from the order of their times.
const around = time.Minute

// bounds returns the range of Seq in which the selected runs are, from first up to but not
// including end.
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
// the filter, it reads an index from the beginning of the page: one for each state, if f names
// none. Numbers and states are literals, not parameters, because PostgreSQL must plan with them: it
// would otherwise take a state without runs for a frequent one.
func (f *Filter) statement(first, end int64) (query string, args []any) {
	further := ""
	if !f.From.IsZero() {
		further += fmt.Sprintf(" AND started_at >= %d", f.From.UnixMicro())
	}
	if !f.To.IsZero() {
		further += fmt.Sprintf(" AND started_at < %d", f.To.UnixMicro())
	}
	for _, x := range []struct{ column, value string }{{"actor", f.User}, {"service", f.Service}, {"name", f.Row}} {
		if x.value != "" {
			args = append(args, x.value)
			further += fmt.Sprintf(" AND %s = $%d", x.column, len(args))
		}
	}
	order := fmt.Sprintf(" ORDER BY seq DESC LIMIT %d", cmp.Or(max(f.Limit, 0), page))
	one := fmt.Sprintf("SELECT seq FROM gomeko_panel_run WHERE seq < %d AND seq >= %d", end, first) + further
	switch {
	case f.State != "":
		query = one + " AND state = '" + string(f.State) + "'" + order
	case len(args) == 0:
		query = one + order
	default:
		parts := make([]string, len(States()))
		for i, s := range States() {
			parts[i] = fmt.Sprintf("SELECT * FROM (%s AND state = '%s'%s) AS n%d", one, s, order, i)
		}
		query = "SELECT seq FROM (" + strings.Join(parts, " UNION ALL ") + ") AS n" + order
	}
	return `SELECT ` + light + ` FROM gomeko_panel_run WHERE seq {among} (` + query + `)) ORDER BY seq DESC`, args
}

// Get returns the current state of a run. The error wraps [ErrNotFound], or is a [DeniedError] if
// the run belongs to another user.
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

// see returns a [DeniedError] if the user may not see the run.
func (w Who) see(x *Run) error {
	if w.User.Name == x.User && w.User.Disabled.IsZero() {
		return nil
	}
	return w.require(View, "the runs of others")
}

// load returns the runs with these ids, in any order.
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

// Result returns the whole result of a run as JSON, or nil if it has none. The result of a job that
// is larger than [Config.MaxResult] is read from the store of the jobs, as long as the store keeps
// the job. Such a result of a call is not kept.
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
