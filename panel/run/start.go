package run

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/gomeko/gomeko/contract"
	"github.com/gomeko/gomeko/internal/clip"
	"github.com/gomeko/gomeko/internal/id"
	"github.com/gomeko/gomeko/internal/secret"
	"github.com/gomeko/gomeko/panel/account"
)

// A Who is a user and the address from which the user acts.
type Who struct {
	User    *account.User
	Address string // a network address, or a host
}

// actor returns the user for the audit trail.
func (w Who) actor() account.Actor { return account.Actor{Name: w.User.Name, Address: w.Address} }

// require returns a [DeniedError] if the user lacks a group of a path.
func (w Who) require(path, what string) error {
	if missing := w.User.Missing(path); missing != "" {
		return &DeniedError{w.User.Name, missing, what}
	}
	return nil
}

// A Request describes a run to start.
type Request struct {
	Service string
	Row     string // its name in the table of the service, or its name for callers

	// Arguments is a JSON object, by the names of the row's parameters: *args is a list, and
	// **kwargs an object. Nil means no arguments.
	Arguments json.RawMessage

	// Nonce is a random text in the form, at most 64 bytes. Requests of a user with the same nonce
	// are one run. It may be "".
	Nonce string
}

const (
	// maxNonce is the maximum length of a nonce, in bytes.
	maxNonce = 64

	// sendTime limits the time to enqueue a job, and to write a run.
	sendTime = 10 * time.Second
)

// Start starts a run for a user. It returns the run when it is recorded: a call is then running,
// and a job has been enqueued. The run continues if ctx ends.
//
// The error is a [DeniedError] or a [NonceError], wraps [ErrUnknownRow], [ErrArguments] or
// [ErrTooMany], or says why the run could not be recorded. In all these cases nothing was sent.
// Later errors are in the run: if its job could not be enqueued, Start returns it with Error set.
//
// If the nonce was used before, Start returns the run that was started with it. If the panel was
// killed before it enqueued that job, Start enqueues it now, with the same id.
func (r *Runs) Start(ctx context.Context, who Who, q Request) (*Run, error) {
	x, a, err := r.prepare(ctx, who, q)
	if err != nil {
		return nil, r.refuse(ctx, who, q, err)
	}
	if !r.begin() {
		return nil, ErrClosed
	}
	started := false // otherwise another goroutine ends the task
	defer func() {
		if !started {
			r.tasks.Done()
		}
	}()
	added, err := r.record(ctx, who, x)
	switch {
	case errors.Is(err, ErrTooMany):
		return nil, r.refuse(ctx, who, q, err)
	case err != nil:
		return nil, err
	}
	if !added {
		before, err := r.before(ctx, x)
		if err != nil {
			return nil, err
		}
		if resumed, err := r.resume(ctx, before); err != nil || !resumed {
			before.Repeated = true
			return before, err
		}
		x = before
	}
	r.at("recorded", x.ID)
	if x.Kind == RPC {
		started = true
		copied := *x
		go r.call(&copied, who, a)
		return x, nil
	}
	started, err = r.enqueue(x, who, a)
	return x, err
}

// begin begins a task that Close waits for.
func (r *Runs) begin() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed {
		r.tasks.Add(1)
	}
	return !r.closed
}

// at tells a test that a run has reached a step.
func (r *Runs) at(step, id string) {
	if r.step != nil {
		r.step(step, id)
	}
}

// prepare checks a request.
func (r *Runs) prepare(ctx context.Context, who Who, q Request) (*Run, *arguments, error) {
	if len(q.Nonce) > maxNonce {
		return nil, nil, fmt.Errorf("%w: the nonce has %d bytes, the limit is %d", ErrArguments, len(q.Nonce), maxNonce)
	}
	s, row, err := r.find(ctx, q.Service, q.Row)
	if err != nil {
		return nil, nil, err
	}
	name := q.Service + "." + row.Name
	if err := who.require(row.Allow, name); err != nil {
		return nil, nil, err
	}
	a, err := read(s.Document, row, q.Arguments)
	if err != nil {
		return nil, nil, err
	}
	x := &Run{
		ID: id.Ordered(), Kind: Kind(row.Kind), Service: q.Service, Row: row.Name, Call: row.Call, Allow: row.Allow,
		User: who.User.Name, Address: clean(who.Address), Arguments: json.RawMessage(a.text), Hidden: a.hidden,
		State: Starting, nonce: q.Nonce, owned: true,
	}
	if x.Kind == Job {
		x.Job, x.store = x.ID, r.store
	}
	if x.digest, err = r.digest(x, q.Arguments); err != nil {
		return nil, nil, err
	}
	x.CallID = x.callID()
	if x.timeout = r.cfg.Timeout; row.Timeout > 0 {
		x.timeout = time.Duration(row.Timeout*float64(time.Second)) + answerTime
	}
	return x, a, nil
}

// find returns a row that a control panel may run.
func (r *Runs) find(ctx context.Context, service, name string) (Service, *contract.Row, error) {
	s, err := r.cfg.Find(ctx, service)
	if err != nil {
		return s, nil, err
	}
	row := s.row(name)
	switch {
	case row == nil:
		return s, nil, fmt.Errorf("%s.%s %w: the service has no such row", service, name, ErrUnknownRow)
	case row.Allow == "":
		return s, nil, fmt.Errorf(`%s.%s %w: its tag has no allow:"GROUP"`, service, name, ErrUnknownRow)
	case Kind(row.Kind) != RPC && Kind(row.Kind) != Job:
		return s, nil, fmt.Errorf("%s.%s %w: it is a row of package %s, and must be an rpc.Method or a jobs.Job", service, name, ErrUnknownRow, row.Kind)
	}
	return s, row, nil
}

// refuse records a refused request in the audit trail, and returns the error.
func (r *Runs) refuse(ctx context.Context, who Who, q Request, err error) error {
	entry := account.Entry{Action: "run", Object: q.Service + "." + q.Row, Failed: clean(clip.Text(secret.Mask(err.Error()), 1000))}
	if recordErr := r.cfg.Accounts.As(who.actor()).Record(context.WithoutCancel(ctx), entry); recordErr != nil {
		return errors.Join(err, fmt.Errorf("the audit trail has no entry of it: %w", recordErr))
	}
	return err
}

const recording = `INSERT INTO gomeko_panel_run (id, kind, service, name, call, allow, actor, address, nonce, arguments, hidden, state, open,
	started_at, sent_at, began_at, ended_at, owner, lease_at, cancel, job, attempts, result, size, error_type, error, store, digest)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 'starting', 1, {now}, 0, 0, 0, $12, {now} + $13, '', $14, 0, NULL, 0, '', '', $15, $16)
ON CONFLICT DO NOTHING RETURNING seq, started_at`

// record records a run before it is sent, together with its entry in the audit trail. It returns
// false if the user already has a run with its nonce.
func (r *Runs) record(ctx context.Context, who Who, x *Run) (added bool, err error) {
	hidden, err := json.Marshal(slices.Concat([]string{}, x.Hidden))
	if err != nil {
		return false, err
	}
	nonce := sql.NullString{String: clean(x.nonce), Valid: x.nonce != ""}
	err = r.transact(ctx, func(tx *sql.Tx) error {
		if err := r.inTurn(ctx, tx, x.User); err != nil {
			return err
		}
		var started int64
		err := tx.QueryRowContext(ctx, r.text(recording), x.ID, string(x.Kind), x.Service, x.Row, x.Call, x.Allow, x.User, x.Address, nonce,
			string(x.Arguments), string(hidden), r.owner, r.cfg.times.lease.Microseconds(), x.Job, x.store, x.digest).Scan(&x.Seq, &started)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := r.limit(ctx, tx, x.User); err != nil {
			return err
		}
		added, x.Started = true, moment(started)
		return r.audit(ctx, tx, who.actor(), x, "run", map[string]any{"arguments": x.Arguments}, "")
	})
	switch {
	case errors.Is(err, ErrTooMany):
		return false, fmt.Errorf("%s.%s is not started: %w", x.Service, x.Row, err)
	case err != nil:
		return false, fmt.Errorf("%s.%s is not started: the run cannot be recorded: %w", x.Service, x.Row, err)
	}
	return added, nil
}

// inTurn makes other processes wait before they record a run of the same user, so that they count
// this one. SQLite has only one writer.
func (r *Runs) inTurn(ctx context.Context, tx *sql.Tx, user string) error {
	if r.cfg.Dialect != account.PostgreSQL || r.cfg.MaxOpen < 0 {
		return nil
	}
	_, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock(hashtext('gomeko_panel_run ' || current_schema()), hashtext($1))`, user)
	return err
}

// limit returns an error if the user has too many open runs.
func (r *Runs) limit(ctx context.Context, tx *sql.Tx, user string) error {
	if r.cfg.MaxOpen < 0 {
		return nil
	}
	var open int
	err := tx.QueryRowContext(ctx, `SELECT count(*) FROM gomeko_panel_run WHERE actor = $1 AND open = 1`, user).Scan(&open)
	if err == nil && open > r.cfg.MaxOpen {
		err = fmt.Errorf("%w: %d of user %s have not ended, which is the limit: wait for some of them, or cancel them", ErrTooMany, r.cfg.MaxOpen, user)
	}
	return err
}

// audit adds an entry about a run to the audit trail.
func (r *Runs) audit(ctx context.Context, tx *sql.Tx, actor account.Actor, x *Run, action string, details map[string]any, failed string) error {
	all := map[string]any{"run": x.ID}
	maps.Copy(all, details)
	entry := account.Entry{Action: action, Object: x.Service + "." + x.Row, Details: all, Failed: failed}
	return r.cfg.Accounts.As(actor).RecordIn(ctx, tx, entry)
}

// before returns the run that a user started before with the nonce of x.
func (r *Runs) before(ctx context.Context, x *Run) (*Run, error) {
	found, err := r.runs(ctx, r.cfg.DB, `SELECT `+columns+` FROM gomeko_panel_run WHERE actor = $1 AND nonce = $2`, x.User, clean(x.nonce))
	if err == nil && len(found) == 0 {
		err = errors.New("the run with its nonce was deleted at this moment: start it again")
	}
	if err != nil {
		return nil, err
	}
	was := found[0]
	if was.Service != x.Service || was.Row != x.Row || string(was.Arguments) != string(x.Arguments) || was.digest != "" && was.digest != x.digest {
		return nil, &NonceError{was.ID}
	}
	return was, nil
}

const resuming = `UPDATE gomeko_panel_run SET state = 'starting', open = 1, ended_at = 0, error = '', owner = $2, lease_at = {now} + $3
WHERE id = $1 AND kind = 'jobs' AND sent_at = 0 AND (state = 'lost' OR state = 'starting' AND lease_at < {now})`

// resume takes over a job that another process has recorded but not sent. If the store of the jobs
// has the job nevertheless, resuming it is harmless, because the id is the same.
func (r *Runs) resume(ctx context.Context, x *Run) (resumed bool, err error) {
	if x.Kind != Job || x.confirmed || r.cfg.Jobs == nil || r.elsewhere(x) {
		return false, nil
	}
	if resumed, err = r.exec(ctx, r.cfg.DB, resuming, x.ID, r.owner, r.cfg.times.lease.Microseconds()); resumed {
		x.State, x.Ended, x.Error = Starting, time.Time{}, ""
	}
	return resumed, err
}

func sorted(m map[string]any) []string { return slices.Sorted(maps.Keys(m)) }
