package run

import (
	"context"
	"slices"
	"time"

	"github.com/gomeko/gomeko/internal/secret"
	"github.com/gomeko/gomeko/jobs"
	"github.com/gomeko/gomeko/jobs/store"
	"github.com/gomeko/gomeko/service"
)

const (
	// atOnce limits the runs in one statement.
	atOnce = 500

	// lookTime limits a query of a database in the background.
	lookTime = 10 * time.Second

	// missingTime is how long after its start a job may be missing from the store.
	missingTime = time.Minute
)

// keep renews the leases of this process's runs, settles those of processes that have died, records
// the outcomes of jobs, and deletes old runs. It returns when the panel is closed.
func (r *Runs) keep() {
	tick, prune := time.NewTicker(r.cfg.times.tick), time.NewTicker(r.cfg.times.prune)
	defer tick.Stop()
	defer prune.Stop()
	for {
		select {
		case <-tick.C:
			r.doing("renew leases", r.renew)
			r.doing("settle runs of processes that have died", r.settle)
			r.doing("read the outcomes of jobs", r.follow)
		case <-prune.C:
			r.doing("delete old runs", r.prune)
		case <-r.life.Done():
			return
		}
	}
}

// doing calls do, and logs its error.
func (r *Runs) doing(what string, do func(context.Context) error) {
	ctx, cancel := context.WithTimeout(r.life, lookTime)
	defer cancel()
	if err := do(ctx); err != nil && r.life.Err() == nil {
		r.log.Warn("panel: the history is behind", "task", what, "err", err)
	}
}

const (
	renewing = `UPDATE gomeko_panel_run SET lease_at = {now} + $2 WHERE owner = $1 AND open = 1 AND lease_at > 0`

	cancelling = `SELECT id FROM gomeko_panel_run WHERE owner = $1 AND open = 1 AND lease_at > 0 AND cancel <> ''`
)

// renew renews the leases of the runs that this process waits for, and cancels those that a user
// has cancelled in another process.
func (r *Runs) renew(ctx context.Context) error {
	r.mu.Lock()
	own := len(r.own)
	r.mu.Unlock()
	if own == 0 {
		return nil
	}
	if _, err := r.exec(ctx, r.cfg.DB, renewing, r.owner, r.cfg.times.lease.Microseconds()); err != nil {
		return err
	}
	rows, err := r.cfg.DB.QueryContext(ctx, cancelling, r.owner)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return err
		}
		r.cancelHere(id)
	}
	return rows.Err()
}

// cancelHere cancels the wait for a run, if this process waits for it.
func (r *Runs) cancelHere(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if cancel := r.own[id]; cancel != nil {
		cancel(errCancelled)
	}
}

const expired = `SELECT ` + light + ` FROM gomeko_panel_run WHERE open = 1 AND lease_at > 0 AND lease_at < {now} AND store IN ('', $1) ORDER BY lease_at LIMIT 100`

// The errors of runs whose process has died.
const (
	lostCall = "the panel was killed before it was known whether the call was sent: the method may have run. Look for its call id in the logs of the service"

	lostAnswer = "the panel was killed while it waited for the answer: the method may have run to its end. Look for its call id in the logs of the service"

	lostJob = "the panel was killed before it had enqueued the job: it does not run. Start it again"

	lostMessage = "the panel was killed before it was known whether the job was enqueued, and it has no store of jobs: the job may run"

	lostOutcome = "the panel was killed while it waited for the job, and it has no store of jobs: the job runs or has run, its outcome is not known"
)

// settle records what is known about runs whose process has died.
func (r *Runs) settle(ctx context.Context) error {
	found, err := r.runs(ctx, r.cfg.DB, expired, r.store)
	if err != nil {
		return err
	}
	for _, x := range found {
		if err := r.settleOne(ctx, x); err != nil {
			return err
		}
	}
	return nil
}

func (r *Runs) settleOne(ctx context.Context, x *Run) error {
	o := outcome{state: Lost}
	switch {
	case x.Kind == RPC && x.State == Starting:
		o.err = lostCall
	case x.Kind == RPC:
		o.err = lostAnswer
	case x.State != Starting:
		o.err = lostOutcome
	case r.cfg.Jobs == nil:
		o.err = lostMessage
	default:
		enqueued, err := r.cfg.Jobs.Look(ctx, x.ID)
		if err != nil {
			return err
		}
		if len(enqueued) > 0 {
			r.confirm(ctx, x, Queued, x.ID)
			return nil
		}
		if o.err = lostJob; x.Error != "" { // the process has found that the job was not enqueued
			o.state, o.err = Failed, x.Error
		}
	}
	return r.conclude(ctx, x, o)
}

const followed = `SELECT ` + light + ` FROM gomeko_panel_run WHERE open = 1 AND lease_at = 0 AND seq > $1 AND store IN ('', $3) ORDER BY seq LIMIT $2`

// follow compares some of the jobs that have not ended with the store.
func (r *Runs) follow(ctx context.Context) error {
	if r.cfg.Jobs == nil {
		return nil
	}
	found, err := r.runs(ctx, r.cfg.DB, followed, r.cursor, atOnce, r.store)
	if err != nil {
		return err
	}
	if r.cursor = 0; len(found) == atOnce {
		r.cursor = found[atOnce-1].Seq
	}
	return r.refresh(ctx, found)
}

const moving = `UPDATE gomeko_panel_run SET state = $2, began_at = $3, attempts = $4 WHERE id = $1 AND open = 1 AND lease_at = 0 AND (state <> $2 OR attempts <> $4)`

// refresh updates runs from their jobs in the store, and records the changes. For runs that have
// ended, the only change is that the job was retried.
func (r *Runs) refresh(ctx context.Context, all []*Run) error {
	stored := slices.DeleteFunc(slices.Clone(all), func(x *Run) bool { return x.Kind != Job || x.owned || x.Job == "" || r.elsewhere(x) })
	if r.cfg.Jobs == nil {
		return nil
	}
	for part := range slices.Chunk(stored, atOnce) {
		if err := r.compare(ctx, part); err != nil {
			return err
		}
	}
	return nil
}

// compare refreshes at most atOnce runs.
func (r *Runs) compare(ctx context.Context, part []*Run) error {
	ids := make([]string, len(part))
	for i, x := range part {
		ids[i] = x.Job
	}
	found, err := r.cfg.Jobs.Look(ctx, ids...)
	if err != nil {
		return ofStore(err)
	}
	byID := make(map[string]*store.Job, len(found))
	for i := range found {
		byID[found[i].ID] = &found[i]
	}
	for _, x := range part {
		j := byID[x.Job]
		if x.State.Final() {
			if j == nil || j.State.Final() && micros(j.Finished) <= micros(x.Ended) {
				continue
			}
			if err := r.Retried(ctx, x.Job); err != nil {
				return err
			}
			x.reopen()
		}
		switch {
		case j == nil && time.Since(x.Started) < missingTime: // the clocks may differ
		case j == nil:
			err = r.conclude(ctx, x, outcome{state: Lost, attempts: x.Attempts, began: x.Began,
				err: "the store of jobs does not have the job any more: it was deleted there before the panel has seen its end"})
		case j.State.Final():
			err = r.endJob(ctx, x, j.ID)
		default:
			changed := x.State != State(j.State) || x.Attempts != j.Attempt
			if x.show(j); changed {
				_, err = r.exec(ctx, r.cfg.DB, moving, x.ID, string(x.State), micros(x.Began), x.Attempts)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

const reopening = `UPDATE gomeko_panel_run SET state = 'queued', open = 1, ended_at = 0, owner = '', lease_at = 0, cancel = '', result = NULL, size = 0,
	error_type = '', error = '', sent_at = CASE WHEN sent_at = 0 THEN {now} ELSE sent_at END
WHERE job = $1 AND job <> '' AND kind = 'jobs' AND open = 0`

// Retried records that an ended job was retried: the runs that started it are open again. Without
// this call, the change is noticed when a user opens the run, or a page of the history that
// contains it.
func (r *Runs) Retried(ctx context.Context, job string) error {
	if r.cfg.Jobs == nil {
		return nil // nothing would report the end
	}
	_, err := r.exec(ctx, r.cfg.DB, reopening, clean(job))
	r.watch.look()
	return err
}

// reopen does what Retried does, for a run that was read already.
func (x *Run) reopen() {
	x.State, x.Ended, x.Result, x.Size, x.ErrorType, x.Error = Queued, time.Time{}, nil, 0, "", ""
	x.CancelledBy, x.Progress, x.confirmed = "", 0, true
}

// show updates a run from its job.
func (x *Run) show(j *store.Job) {
	x.State, x.Began, x.Attempts, x.Deaths = State(j.State), j.Started, j.Attempt, j.Deaths
	x.ErrorType, x.Error = j.ErrorType, x.quote(j.Error)
	if x.Text = secret.Mask(j.ProgressText); x.Text != "" && len(x.Hidden) > 0 {
		x.Text = service.Redacted
	}
	if j.Progress != nil {
		x.Progress = *j.Progress
	}
}

// endJob records the end of a job.
func (r *Runs) endJob(ctx context.Context, x *Run, id string) error {
	found, err := r.cfg.Jobs.Get(ctx, id)
	if err != nil || len(found) == 0 {
		return err
	}
	j := &found[0]
	o := outcome{state: State(j.State), errorType: j.ErrorType, err: x.quote(j.Error), attempts: j.Attempt, began: j.Started, ended: j.Finished}
	if j.State == store.Succeeded {
		o.result, o.errorType, o.err = jobs.OutcomeOf(j).Result(), "", ""
	}
	if err := r.conclude(ctx, x, o); err != nil {
		return err
	}
	x.show(j)
	x.Ended, x.Error, x.ErrorType = j.Finished, o.err, o.errorType
	if x.Size = int64(len(o.result)); len(o.result) <= r.cfg.MaxResult {
		x.Result = o.result
	}
	if x.State == Succeeded {
		x.Progress = 1
	}
	return nil
}
