package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/gomeko/gomeko/internal/clip"
)

// An End is the outcome of an attempt. ID, Owner and Attempt are those of the claimed [Job].
type End struct {
	ID      string
	Owner   string
	Attempt int
	// State is the new state of the job: a final one; Scheduled, to try it again after In; or Queued,
	// to give it back as if it had never been claimed. With Queued, and with Scheduled without Kind,
	// the attempt is not counted. If the job was cancelled meanwhile, it becomes Cancelled instead of
	// Scheduled or Queued, and its hook is due.
	State State
	In    time.Duration

	Result    []byte // JSON, for Succeeded
	ErrorType string
	Error     string // clipped to 64 KiB
	// Kind, if it is not empty, records the attempt in the job's history, with Error and Stack.
	// Leave it empty for an attempt that succeeded or was given back.
	Kind  string
	Stack string // clipped to 64 KiB

	// Resource is that of the claimed job.
	Resource string

	// Hook says that the job has a done hook. The owner then keeps the job for HookLease, to run the
	// hook and to call [Store.HookRan]. State must be final.
	Hook      bool
	HookLease time.Duration
}

// check returns an error if an end is not valid.
func (e End) check() error {
	switch {
	case !slices.Contains(States(), e.State) || e.State == Running:
		return fmt.Errorf("job %s: cannot end with state %q", e.ID, e.State)
	case e.Hook && !e.State.Final():
		return fmt.Errorf("job %s: state %s has no hook", e.ID, e.State)
	}
	return nil
}

// An endRow is an [End] for the statements below. Its keys are short because there are many rows.
// Empty fields are omitted, as in a newRow.
type endRow struct {
	ID        string  `json:"eid"`
	Owner     string  `json:"eowner"`
	Attempt   int     `json:"eattempt"`
	State     State   `json:"estate"`
	In        int64   `json:"ein,omitempty"` // microseconds until the next attempt, or the end of the hook's lease
	Result    *string `json:"eresult,omitempty"`
	ErrorType string  `json:"etype,omitempty"`
	Error     string  `json:"eerror,omitempty"`
	Hook      bool    `json:"ehook,omitempty"`
	Kind      string  `json:"ekind,omitempty"`
	Stack     string  `json:"estack,omitempty"`
}

const (
	ends = `{rows eid text, eowner text, eattempt integer, estate text, ein bigint, eresult text, etype text, eerror text, ehook boolean, ` +
		`ekind text, estack text}`

	// back is the condition for an attempt that is not counted.
	back = `(estate = 'queued' OR estate = 'scheduled' AND ekind IS NULL)`

	// finishing moves jobs to their new states. A job that is to be cancelled is not tried again.
	finishing = `UPDATE gomeko_job SET
	state = CASE WHEN cancel AND estate IN ('scheduled', 'queued') THEN 'cancelled' ELSE estate END,
	attempt = CASE WHEN ` + back + ` THEN attempt - 1 ELSE attempt END,
	started_at = CASE WHEN ` + back + ` THEN NULL ELSE started_at END,
	finished_at = CASE WHEN NOT cancel AND estate IN ('scheduled', 'queued') THEN NULL ELSE {now} END,
	run_at = CASE WHEN NOT cancel AND estate = 'scheduled' THEN {in coalesce(ein, 0)} ELSE run_at END,
	sweep_at = CASE WHEN estate IN ('scheduled', 'queued') AND cancel THEN {now} WHEN estate = 'queued' THEN {now}
		WHEN estate = 'scheduled' OR ehook THEN {in coalesce(ein, 0)} END,
	hook = CASE WHEN estate IN ('scheduled', 'queued') AND cancel THEN 'due' WHEN ehook THEN 'running' ELSE 'none' END,
	nudges = 0, result = eresult,
	error_type = CASE WHEN ` + back + ` THEN error_type ELSE coalesce(etype, '') END,
	error = CASE WHEN ` + back + ` THEN error ELSE coalesce(eerror, '') END
FROM ` + ends + ` WHERE id = eid AND owner = eowner AND attempt = eattempt AND state = 'running' RETURNING id`

	recording = `INSERT INTO gomeko_attempt (job, number, owner, host, started_at, ended_at, kind, error, stack)
SELECT seq, eattempt, owner, host, started_at, {now}, ekind, coalesce(eerror, ''), coalesce(estack, '')
FROM ` + ends + ` JOIN gomeko_job ON id = eid WHERE ekind IS NOT NULL
ON CONFLICT (job, number) DO NOTHING`

	// recorded selects the ends that were recorded before: their job is as the end has left it.
	recorded = `SELECT id FROM ` + ends + ` JOIN gomeko_job ON id = eid WHERE owner = eowner
	AND attempt = CASE WHEN ` + back + ` THEN eattempt - 1 ELSE eattempt END
	AND (state = estate OR estate IN ('scheduled', 'queued') AND state IN ('scheduled', 'queued', 'cancelled'))`
)

// Finish records ends, all or none of them. For each it reports whether it was recorded; false
// means that the owner had lost the job, and nothing was changed. It is safe to pass an End again
// after an error: one that is recorded already is reported as true.
func (s *Store) Finish(ctx context.Context, ends ...End) ([]bool, error) {
	counts, _, err := s.FinishNext(ctx, ends...)
	return counts, err
}

// FinishNext is [Store.Finish], and also returns the jobs that are next in line for the resources
// of the finished jobs, without Payload, Headers and Result. The caller should wake workers for
// them; otherwise the sweeper does so within a second or two.
func (s *Store) FinishNext(ctx context.Context, ends ...End) (counts []bool, next []Job, err error) {
	rows := make([]endRow, len(ends))
	var resources []string
	for i, e := range ends {
		if err := e.check(); err != nil {
			return nil, nil, err
		}
		rows[i] = e.row()
		if e.Resource != "" {
			resources = append(resources, e.Resource)
		}
	}
	// Of the statements that lock several rows, only this one waits for locks; the others skip locked
	// rows. So there is no deadlock.
	slices.SortStableFunc(rows, func(a, b endRow) int { return cmp.Compare(a.ID, b.ID) })
	parts := split(rows)
	counted := make(map[endKey]bool, len(rows))
	finish := func(c conn) error {
		clear(counted)
		for _, part := range parts {
			if err := s.finish(ctx, c, part, counted); err != nil {
				return err
			}
		}
		next, err = s.wake(ctx, c, resources, wakeAfter)
		return err
	}
	switch kept := slices.ContainsFunc(rows, func(r endRow) bool { return r.Kind != "" }); {
	case len(parts) == 0:
		return nil, nil, nil
	case len(parts) == 1 && !kept && len(resources) == 0: // one statement
		err = s.write(ctx, finish)
	default:
		err = s.transact(ctx, finish)
	}
	if err != nil {
		return nil, nil, err
	}
	counts = make([]bool, len(ends))
	for i, e := range ends {
		counts[i] = counted[endKey{e.ID, e.Owner, e.Attempt}]
	}
	return counts, next, nil
}

// An endKey identifies the attempt of an [End].
type endKey struct {
	ID, Owner string
	Attempt   int
}

// split divides rows, which are sorted by id, into batches without duplicate ids.
func split(rows []endRow) (parts [][]endRow) {
	for len(rows) > 0 {
		var part, rest []endRow
		bytes := 0
		for _, r := range rows {
			if len(part) == batch || len(part) > 0 && (part[len(part)-1].ID == r.ID || bytes+r.size() > volume) {
				rest = append(rest, r)
			} else {
				part, bytes = append(part, r), bytes+r.size()
			}
		}
		parts, rows = append(parts, part), rest
	}
	return parts
}

// size returns the size in bytes of the result and the texts of a row.
func (r endRow) size() int {
	n := len(r.Error) + len(r.Stack)
	if r.Result != nil {
		n += len(*r.Result)
	}
	return n
}

// row returns the row of an end.
func (e End) row() endRow {
	r := endRow{
		ID: e.ID, Owner: e.Owner, Attempt: e.Attempt, State: e.State, ErrorType: clean(e.ErrorType, 255), Error: clean(e.Error, clip.Wire),
		Hook: e.Hook, Kind: e.Kind, Stack: clean(e.Stack, clip.Wire),
	}
	switch {
	case e.State == Scheduled:
		r.In = max(0, micros(e.In))
	case e.Hook:
		r.In = micros(e.HookLease)
	}
	if e.State == Succeeded && e.Result != nil {
		result := string(e.Result)
		r.Result = &result
	}
	return r
}

// finish records a part of the ends, and adds those that were recorded to counted.
func (s *Store) finish(ctx context.Context, c conn, part []endRow, counted map[endKey]bool) error {
	byID := make(map[string]endRow, len(part))
	for _, r := range part {
		byID[r.ID] = r
	}
	all := object(part)
	ids, err := texts(ctx, c, s.text(finishing), all, len(part))
	if err != nil {
		return err
	}
	var attempts []endRow
	for _, id := range ids {
		if r := byID[id]; r.Kind != "" {
			attempts = append(attempts, r)
		}
	}
	if len(ids) < len(part) {
		before, err := texts(ctx, c, s.text(recorded), all, len(part))
		if err != nil {
			return err
		}
		ids = append(ids, before...)
	}
	for _, id := range ids {
		counted[endKey{id, byID[id].Owner, byID[id].Attempt}] = true
	}
	if len(attempts) > 0 {
		_, err = c.ExecContext(ctx, s.text(recording), object(attempts), len(attempts))
	}
	return err
}
