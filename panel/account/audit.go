package account

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// An Actor is the user who performs an action.
type Actor struct {
	Name    string // of the user
	Address string // from where the user acts: a network address, or a host
}

// An Editor changes accounts for an actor.
type Editor struct {
	accounts *Accounts
	actor    Actor
}

// As returns an Editor that records its changes in the audit trail as those of actor.
func (a *Accounts) As(actor Actor) *Editor { return &Editor{a, actor} }

// An Entry is an action in the audit trail.
type Entry struct {
	Seq     int64
	At      time.Time
	Actor   Actor
	Action  string         // such as user.add, login, run
	Object  string         // what it was applied to: a user, a group, a row of a service
	Details map[string]any // any JSON object
	Failed  string         // why the action was refused or failed; "" if it succeeded
}

// change makes a change together with its entry. A change that fails also gets an entry.
func (e *Editor) change(ctx context.Context, action, object string, details map[string]any, change func(*sql.Tx) error) error {
	entry := Entry{Actor: e.actor, Action: action, Object: object, Details: details}
	err := e.accounts.transact(ctx, func(tx *sql.Tx) error {
		if err := change(tx); err != nil {
			return err
		}
		return e.accounts.record(ctx, tx, entry)
	})
	if err != nil {
		entry.Failed = err.Error()
		if recordErr := e.accounts.record(context.WithoutCancel(ctx), e.accounts.db, entry); recordErr != nil {
			err = errors.Join(err, fmt.Errorf("the audit trail has no entry of it: %w", recordErr))
		}
	}
	return err
}

// Record adds an action to the audit trail. It sets Seq and At.
func (e *Editor) Record(ctx context.Context, entry Entry) error {
	entry.Actor = e.actor
	return e.accounts.record(ctx, e.accounts.db, entry)
}

// RecordIn is [Editor.Record] in a transaction on the database of the accounts. The entry is added
// only if tx is committed.
func (e *Editor) RecordIn(ctx context.Context, tx *sql.Tx, entry Entry) error {
	entry.Actor = e.actor
	return e.accounts.record(ctx, tx, entry)
}

// An executor is a database or a transaction.
type executor interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

func (a *Accounts) record(ctx context.Context, in executor, entry Entry) error {
	details := []byte("{}")
	if len(entry.Details) > 0 {
		var err error
		if details, err = json.Marshal(entry.Details); err != nil {
			return fmt.Errorf("audit %s of %s: details: %w", entry.Action, entry.Object, err)
		}
	}
	_, err := in.ExecContext(ctx, `INSERT INTO gomeko_panel_audit (at, actor, address, action, object, details, failed) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		a.now().UnixMicro(), text(entry.Actor.Name), text(entry.Actor.Address), text(entry.Action), text(entry.Object), string(details), text(entry.Failed))
	return err
}

// text returns s in a form that both databases accept.
func text(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

// A Filter selects entries of the audit trail. The zero Filter selects all entries.
type Filter struct {
	Actor  string
	Action string
	Object string
	Since  time.Time
	Before int64 // only entries with a lower Seq: set it to that of the last entry of the previous page
	Limit  int   // maximum number of entries; the default is 100
}

// Entries returns entries of the audit trail, latest first.
func (a *Accounts) Entries(ctx context.Context, f Filter) (all []Entry, err error) {
	where, args := []string{"at >= $1"}, []any{int64(0)}
	if !f.Since.IsZero() {
		args[0] = f.Since.UnixMicro()
	}
	for column, value := range map[string]string{"actor": f.Actor, "action": f.Action, "object": f.Object} {
		if value != "" {
			args = append(args, value)
			where = append(where, fmt.Sprintf("%s = $%d", column, len(args)))
		}
	}
	if f.Before != 0 {
		args = append(args, f.Before)
		where = append(where, fmt.Sprintf("seq < $%d", len(args)))
	}
	if f.Limit <= 0 {
		f.Limit = 100
	}
	args = append(args, f.Limit)
	err = a.each(ctx, func(rows *sql.Rows) error {
		var x Entry
		var at int64
		var details string
		if err := rows.Scan(&x.Seq, &at, &x.Actor.Name, &x.Actor.Address, &x.Action, &x.Object, &details, &x.Failed); err != nil {
			return err
		}
		x.At = moment(at)
		all = append(all, x)
		return json.Unmarshal([]byte(details), &all[len(all)-1].Details)
	}, `SELECT seq, at, actor, address, action, object, details, failed FROM gomeko_panel_audit
		WHERE `+strings.Join(where, " AND ")+fmt.Sprintf(` ORDER BY seq DESC LIMIT $%d`, len(args)), args...)
	return all, err
}
