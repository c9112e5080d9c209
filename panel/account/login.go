package account

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// ErrDenied is the error of a login whose name or password is wrong, or whose user is disabled or
// has no password. It does not say which.
var ErrDenied = errors.New("name or password is wrong")

// A TooManyError is the error of a login after too many that have failed, for this user or from
// this address.
type TooManyError struct {
	Until time.Time // when the next one is tried
}

// Error says how long to wait.
func (e *TooManyError) Error() string {
	return fmt.Sprintf("too many logins have failed: try again at %s", e.Until.UTC().Format(time.TimeOnly+" MST"))
}

const (
	// freeOfUser and freeOfAddress are how many logins may fail without a wait. The wait after the
	// next one is a second, and doubles with each, up to mostWait.
	freeOfUser, freeOfAddress = 5, 50
	mostWait                  = 15 * time.Minute

	// forgotten is how long after the last one failed logins do not count any more.
	forgotten = 24 * time.Hour
)

func userSubject(name string) string       { return "user " + name }
func addressSubject(address string) string { return "address " + text(address) }

// Login returns the user of a name and a password. address is where the login comes from. The error
// is [ErrDenied], a [TooManyError], or the database's. Each login has an entry in the audit trail.
func (a *Accounts) Login(ctx context.Context, name, password, address string) (*User, error) {
	editor := a.As(Actor{text(name), address})
	user, err := a.login(ctx, name, password, address)
	entry := Entry{Action: "login", Object: text(name)}
	if err != nil {
		entry.Failed = err.Error()
	}
	if recordErr := editor.Record(context.WithoutCancel(ctx), entry); recordErr != nil {
		return nil, errors.Join(err, recordErr)
	}
	return user, err
}

func (a *Accounts) login(ctx context.Context, name, password, address string) (*User, error) {
	name, err := normal(name)
	if err != nil {
		return nil, ErrDenied
	}
	// The try counts before the password is compared, so that guesses at the same moment count too.
	if err := a.try(ctx, addressSubject(address), freeOfAddress); err != nil {
		return nil, err
	}
	if err := a.try(ctx, userSubject(name), freeOfUser); err != nil {
		return nil, err
	}
	var hash string
	var disabled int64
	err = a.db.QueryRowContext(ctx, `SELECT password, disabled_at FROM gomeko_panel_user WHERE name = $1`, name).Scan(&hash, &disabled)
	switch {
	case errors.Is(err, sql.ErrNoRows) || err == nil && hash == "":
		_, err = a.hash(ctx, password) // takes as long as for a user who exists
		return nil, errors.Join(err, ErrDenied)
	case err != nil:
		return nil, err
	}
	ok, old, err := a.matches(ctx, password, hash)
	switch {
	case err != nil:
		return nil, fmt.Errorf("user %s: %w", name, err)
	case !ok || disabled != 0:
		return nil, ErrDenied
	}
	if old {
		if hash, err = a.hash(ctx, password); err != nil {
			return nil, err
		}
	}
	if err := a.loggedIn(ctx, name, hash, address); err != nil {
		return nil, err
	}
	return a.User(ctx, name)
}

// try counts a login of a subject, and returns a [TooManyError] if it must wait.
func (a *Accounts) try(ctx context.Context, subject string, free int) error {
	now := a.now()
	const wait = `CASE WHEN %[1]s <= $4 THEN 0 WHEN %[1]s > $4 + 10 THEN $5 ELSE CAST(1000000 AS bigint) << (%[1]s - $4 - 1) END`
	tries := `(CASE WHEN f.last_at < $3 THEN 1 ELSE f.tries + 1 END)`
	ok, err := changed(a.db.ExecContext(ctx, `INSERT INTO gomeko_panel_failure AS f (subject, tries, last_at, next_at) VALUES ($1, 1, $2, $2)
		ON CONFLICT (subject) DO UPDATE SET tries = `+tries+`, last_at = $2, next_at = $2 + `+fmt.Sprintf(wait, tries)+` WHERE f.next_at <= $2`,
		subject, now.UnixMicro(), now.Add(-forgotten).UnixMicro(), free, mostWait.Microseconds()))
	if err != nil || ok {
		return err
	}
	var next int64
	if err := a.db.QueryRowContext(ctx, `SELECT coalesce(max(next_at), 0) FROM gomeko_panel_failure WHERE subject = $1`, subject).Scan(&next); err != nil {
		return err
	}
	return &TooManyError{moment(next)}
}

// loggedIn notes a login that has succeeded. The tries of the address are not forgotten: whoever
// has an account could otherwise guess the passwords of others.
func (a *Accounts) loggedIn(ctx context.Context, name, hash, address string) error {
	return a.transact(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `UPDATE gomeko_panel_user SET password = $2, login_at = $3 WHERE name = $1`, name, hash, a.now().UnixMicro()); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM gomeko_panel_failure WHERE subject = $1`, userSubject(name)); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `UPDATE gomeko_panel_failure SET tries = tries - 1, next_at = last_at WHERE subject = $1 AND tries > 0`, addressSubject(address))
		return err
	})
}
