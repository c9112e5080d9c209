package run

import (
	"context"
	"database/sql"
	"encoding/json"
	"time"

	"github.com/gomeko/gomeko/internal/clip"
	"github.com/gomeko/gomeko/internal/secret"
	"github.com/gomeko/gomeko/internal/wait"
	"github.com/gomeko/gomeko/panel/account"
)

const (
	// maxError limits how much of an error is kept, in bytes.
	maxError = 64 << 10

	// While the database does not answer, recording the end of a run is retried after awayMin, then
	// after twice as long each time, up to awayMax.
	awayMin, awayMax = 100 * time.Millisecond, 10 * time.Second
)

// An outcome is the end of a run.
type outcome struct {
	state     State
	result    json.RawMessage
	errorType string
	err       string
	attempts  int
	began     time.Time
	ended     time.Time // zero means now
}

// confirming marks a run as sent, even if another process assumed this one dead and the run lost.
const confirming = `UPDATE gomeko_panel_run SET state = $2, open = 1, sent_at = {now}, ended_at = 0, error = '',
	job = CASE WHEN $3 = '' THEN job ELSE $3 END, lease_at = CASE WHEN $4 = 1 THEN 0 ELSE {now} + $5 END
WHERE id = $1 AND (state = 'starting' OR state = 'lost' AND sent_at = 0)`

// confirm records that a run was sent. If that fails, the run is settled when its lease expires.
func (r *Runs) confirm(ctx context.Context, x *Run, state State, job string) {
	x.State, x.Error, x.confirmed = state, "", true
	if job != "" {
		x.Job = job
		x.CallID = x.callID()
	}
	stored := 0
	if x.Kind == Job && r.cfg.Jobs != nil {
		stored = 1
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), sendTime)
	defer cancel()
	if _, err := r.exec(ctx, r.cfg.DB, confirming, x.ID, string(state), job, stored, r.cfg.times.lease.Microseconds()); err != nil {
		r.log.Warn("panel: a run was sent, which is not recorded yet", "run", x.ID, "err", err)
	}
	r.watch.look()
}

// finish records the end of a run. It retries until the database answers, or the panel is closed.
func (r *Runs) finish(x *Run, o outcome) {
	for delay := awayMin; ; delay = min(2*delay, awayMax) {
		ctx, cancel := context.WithTimeout(r.life, sendTime)
		err := r.conclude(ctx, x, o)
		cancel()
		if err == nil {
			return
		}
		r.log.Warn("panel: the end of a run is not recorded yet", "run", x.ID, "state", string(o.state), "err", err)
		if r.isClosed() || !wait.For(r.life, delay) {
			return
		}
	}
}

func (r *Runs) isClosed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closed
}

const ending = `UPDATE gomeko_panel_run SET state = $2, open = 0, ended_at = CASE WHEN CAST($3 AS bigint) = 0 THEN {now} ELSE CAST($3 AS bigint) END, owner = '', lease_at = 0,
	began_at = $4, attempts = $5, result = $6, size = $7, error_type = $8, error = $9
WHERE id = $1 AND (open = 1 OR state = 'lost' AND $2 <> 'lost')`

// conclude records the end of a run together with its entry in the audit trail, unless the end is
// recorded already. A run recorded as lost may still end otherwise.
func (r *Runs) conclude(ctx context.Context, x *Run, o outcome) error {
	o.err = secret.Mask(o.err)
	result, size := sql.NullString{}, len(o.result)
	if size > 0 && size <= r.cfg.MaxResult {
		result = sql.NullString{String: clean(string(o.result)), Valid: true}
	}
	err := r.transact(ctx, func(tx *sql.Tx) error {
		ended, err := r.exec(ctx, tx, ending, x.ID, string(o.state), micros(o.ended), micros(o.began), o.attempts, result, size,
			clean(clip.Text(o.errorType, maxError)), clean(clip.Text(o.err, maxError)))
		if err != nil || !ended {
			return err
		}
		failed := ""
		if o.state != Succeeded {
			failed = clean(clip.Text(string(o.state)+": "+o.err, 1000))
		}
		return r.audit(ctx, tx, account.Actor{Name: x.User, Address: x.Address}, x, "run.end", map[string]any{"state": o.state}, failed)
	})
	if err == nil {
		x.State, x.Error, x.ErrorType = o.state, o.err, o.errorType
		r.watch.look()
	}
	return err
}
