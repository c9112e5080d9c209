package run

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/gomeko/gomeko/internal/secret"
)

// A Kind is the kind of a run's row.
type Kind string

// The kinds of runs.
const (
	RPC Kind = "rpc"  // a call; the panel waits for the result
	Job Kind = "jobs" // a job; it runs even if the panel does not
)

// A State is the state of a run.
type State string

// The states of a run.
const (
	Starting  State = "starting"  // recorded, but not known to be sent
	Scheduled State = "scheduled" // a job that waits for its next attempt
	Queued    State = "queued"    // a job that waits for a worker
	Running   State = "running"   // a job that a worker runs, or a call that was sent
	Succeeded State = "succeeded" // final
	Failed    State = "failed"    // final; also if it was never sent
	Cancelled State = "cancelled" // final
	Lost      State = "lost"      // final: its outcome is unknown, and Error says why
)

// States returns all states, in the order in which a run may reach them.
func States() []State {
	return []State{Starting, Scheduled, Queued, Running, Succeeded, Failed, Cancelled, Lost}
}

// Final reports whether a run in this state has ended.
func (s State) Final() bool {
	return s == Succeeded || s == Failed || s == Cancelled || s == Lost
}

// A Run is a call or a job that a user has started.
type Run struct {
	Seq     int64 // numbers runs in the order in which they were started
	ID      string
	Kind    Kind
	Service string
	Row     string // its name in the table of the service
	Call    string // its name for callers
	Allow   string // the path of groups that it requires

	User    string
	Address string // from where it was started

	// Arguments is a JSON object, by the names of the row's parameters. Sensitive values are not
	// kept: service.Redacted stands for them.
	Arguments json.RawMessage
	Hidden    []string // parameters whose values were not kept, or only in part

	State   State
	Started time.Time // by the clock of the database
	Began   time.Time // when the latest attempt of a job began; zero if none has, and for calls
	Ended   time.Time // zero if it has not ended

	Job      string // the id of the job, or of an existing job with the same unique key
	CallID   string // finds log lines: their root_call_id, or call_id for a job
	Attempts int    // how many attempts of a job have begun
	Deaths   int    // how many of them ended because a worker died
	Progress float64
	Text     string // of the progress; service.Redacted if an argument is hidden

	// Result is JSON, or nil if there is none. It is not set in lists of runs.
	Result json.RawMessage
	Size   int64 // of the result in bytes; Result is nil if it is larger than [Config.MaxResult]

	ErrorType string // as on the wire: the path of the method's error
	// Error is the error of a run that has failed, or of the latest attempt. Secrets in it are
	// masked. If an argument is hidden, Error does not contain the text of the method, which may
	// quote the argument.
	Error string

	// Unserved is the time since when no worker has served the row, for a job that waits. It is
	// zero if a worker does.
	Unserved time.Time
	// CancelledBy is the user who has cancelled it, or "".
	CancelledBy string
	// Repeated is set by [Runs.Start] if the run was started before with the same nonce.
	Repeated bool

	timeout   time.Duration // of a call
	nonce     string
	digest    string // of all arguments, if some are hidden; "" without a nonce
	store     string // the id of the store with the job; "" for none
	owned     bool   // a process of the panel holds it
	confirmed bool   // it was sent
}

// Duration returns how long the run took, or how long it has been running at now.
func (r *Run) Duration(now time.Time) time.Duration {
	if r.Ended.IsZero() {
		return now.Sub(r.Started)
	}
	return r.Ended.Sub(r.Started)
}

// callID returns the id of the run's call.
func (r *Run) callID() string {
	if r.Kind == RPC {
		return "panel.run." + r.ID
	}
	return r.Service + "." + r.Call + "." + r.Job
}

// The columns of a Run that scan reads: all of them, or all but those that may be large.
const (
	columns = light + `, result`
	light   = `seq, id, kind, service, name, call, allow, actor, address, coalesce(nonce, ''), arguments, hidden, state, started_at, sent_at, ` +
		`began_at, ended_at, lease_at, cancel, job, attempts, size, error_type, error, store, digest`
)

// runs returns the runs selected by a statement.
func (r *Runs) runs(ctx context.Context, in executor, query string, args ...any) (all []*Run, err error) {
	rows, err := in.QueryContext(ctx, r.text(query), args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		x, err := scan(rows, len(names))
		if err != nil {
			return nil, err
		}
		all = append(all, x)
	}
	return all, rows.Err()
}

func scan(rows *sql.Rows, columns int) (*Run, error) {
	x := new(Run)
	var arguments, hidden string
	var started, sent, began, ended, lease int64
	var result sql.NullString
	into := []any{&x.Seq, &x.ID, &x.Kind, &x.Service, &x.Row, &x.Call, &x.Allow, &x.User, &x.Address, &x.nonce, &arguments, &hidden,
		&x.State, &started, &sent, &began, &ended, &lease, &x.CancelledBy, &x.Job, &x.Attempts, &x.Size, &x.ErrorType, &x.Error, &x.store, &x.digest, &result}
	if err := rows.Scan(into[:columns]...); err != nil {
		return nil, err
	}
	if err := json.Unmarshal([]byte(hidden), &x.Hidden); err != nil {
		return nil, fmt.Errorf("run %s: hidden: %w", x.ID, err)
	}
	x.Arguments, x.owned, x.confirmed = json.RawMessage(arguments), lease != 0, sent != 0
	if result.Valid {
		x.Result = json.RawMessage(result.String)
	}
	x.Started, x.Began, x.Ended = moment(started), moment(began), moment(ended)
	if x.State == Succeeded {
		x.Progress = 1
	}
	x.CallID = x.callID()
	return x, nil
}

// withheld replaces a text of the method if the run has hidden arguments.
const withheld = "the text of the error is not kept, since it may quote an argument that is hidden: look for the call id in the log of the service"

// quote returns the part of a method's text that may be kept.
func (r *Run) quote(text string) string {
	if text == "" || len(r.Hidden) == 0 {
		return secret.Mask(text)
	}
	return withheld
}

// moment converts the value of a column to a time; 0 is the zero time.
func moment(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micros).UTC()
}

// micros converts a time to the value of a column.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// clean returns s in a form that both databases accept.
func clean(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}
