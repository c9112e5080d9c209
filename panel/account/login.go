package account

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/gomeko/gomeko/internal/clip"
)

// ErrDenied is the error of a login if the name or the password is wrong, or the user is disabled
// or has no password. It does not say which.
var ErrDenied = errors.New("name or password is wrong")

// A TooManyError is the error of a login after too many failed ones for this user or from this
// address.
type TooManyError struct {
	Until time.Time // when the next login may be tried

	again bool // not the first refusal during this delay
}

// Error returns a text that says how long to wait.
func (e *TooManyError) Error() string {
	return fmt.Sprintf("too many logins have failed: try again at %s", e.Until.UTC().Format(time.TimeOnly+" MST"))
}

const (
	// freeOfUser and freeOfAddress are how many logins may fail without a delay. The delay after
	// the next failure is a second, and doubles with each further one, up to mostWait.
	freeOfUser, freeOfAddress = 5, 50
	mostWait                  = 15 * time.Minute

	// forgotten is the time after the last failed login when failed logins no longer count.
	forgotten = 24 * time.Hour
)

// longestName is how many bytes of a login's name the audit trail keeps. Valid names are not
// longer.
const longestName = 100

func userSubject(name string) string { return "user " + name }

// tokenSubject returns the subject that counts refused tokens from an address.
func tokenSubject(address string) string { return "token from " + addressSubject(address) }

// addressSubject returns the address, or the network, whose logins count together. For IPv6 that is
// the /64 network, because a single host has all of its addresses.
func addressSubject(address string) string {
	ip, err := netip.ParseAddr(address)
	if ip = ip.Unmap(); err == nil && ip.Is6() {
		if network, err := ip.Prefix(64); err == nil {
			address = network.String()
		}
	}
	return "address " + clip.Text(text(address), longestName)
}

// Login returns the user with a name and a password. address is where the login comes from. The
// error is [ErrDenied], a [TooManyError], or that of the database. The audit trail records each
// login that is tried, and the first one that is refused during a delay.
func (a *Accounts) Login(ctx context.Context, name, password, address string) (*User, error) {
	user, err := a.login(ctx, name, password, address)
	name = clip.Text(text(name), longestName)
	if err := a.note(ctx, Actor{name, address}, Entry{Action: "login", Object: name}, err); err != nil {
		return nil, err
	}
	return user, nil
}

// note records an action that may have failed, and returns err. If recording fails, it returns that
// error, which does not wrap err: a caller that checks for err must not find it then. Of the logins
// that are refused during a delay, it records only the first, so that nobody can fill the database.
func (a *Accounts) note(ctx context.Context, actor Actor, entry Entry, err error) error {
	if many := (*TooManyError)(nil); entry.Action == "login" && errors.As(err, &many) && many.again {
		return err
	}
	if err != nil {
		entry.Failed = err.Error()
	}
	if recordErr := a.As(actor).Record(context.WithoutCancel(ctx), entry); recordErr != nil {
		return fmt.Errorf("%s: the audit trail has no entry of it: %w", entry.Action, recordErr)
	}
	return err
}

func (a *Accounts) login(ctx context.Context, name, password, address string) (*User, error) {
	var version int64
	err := a.authenticate(ctx, name, password, address, func(found credential) (ok bool, err error) {
		version = found.version
		newHash := found.hash
		if found.old {
			if newHash, err = a.hash(ctx, password); err != nil {
				return false, err
			}
		}
		return a.loggedIn(ctx, found, newHash, address)
	})
	if err != nil {
		return nil, err
	}
	return a.userWith(ctx, name, version)
}

// A credential is the password of a user, as the database has it.
type credential struct {
	name    string
	hash    string
	old     bool  // the cost of the hash differs from that of new ones
	version int64 // the user's SessionVersion
}

// authenticate calls accept with the credential of a user if the password is right. It counts a try
// before it compares the password, so that concurrent guesses count too. accept returns false if
// the user was changed meanwhile, since hashing a password takes long enough for that.
func (a *Accounts) authenticate(ctx context.Context, name, password, address string, accept func(credential) (bool, error)) error {
	if err := a.try(ctx, addressSubject(address), freeOfAddress); err != nil {
		return err
	}
	name, err := normal(name)
	if err != nil {
		return ErrDenied
	}
	if err := a.try(ctx, userSubject(name), freeOfUser); err != nil {
		return err
	}
	for range 2 { // a concurrent login of the user may hash the password again
		found, err := a.compare(ctx, name, password)
		if err != nil {
			return err
		}
		if ok, err := accept(found); ok || err != nil {
			return err
		}
	}
	return ErrDenied
}

// compare returns the credential of a user if the password is right.
func (a *Accounts) compare(ctx context.Context, name, password string) (credential, error) {
	found := credential{name: name}
	var disabled int64
	err := a.db.QueryRowContext(ctx, `SELECT password, session_version, disabled_at FROM gomeko_panel_user WHERE name = $1`, name).
		Scan(&found.hash, &found.version, &disabled)
	switch {
	case errors.Is(err, sql.ErrNoRows) || err == nil && found.hash == "":
		if _, err = a.hash(ctx, password); err != nil { // takes as long as for an existing user
			return found, err
		}
		return found, ErrDenied
	case err != nil:
		return found, err
	}
	ok, old, err := a.matches(ctx, password, found.hash)
	switch {
	case err != nil:
		return found, fmt.Errorf("user %s: %w", name, err)
	case !ok || disabled != 0:
		return found, ErrDenied
	}
	found.old = old
	return found, nil
}

// try counts a login, or a refused token, of a subject. During a delay, it returns a [TooManyError]
// instead.
func (a *Accounts) try(ctx context.Context, subject string, free int) error {
	now := a.now()
	const next = `CASE WHEN %[1]s <= $4 THEN 0 WHEN %[1]s > $4 + 10 THEN $2 + $5 ELSE $2 + (CAST(1000000 AS bigint) << (%[1]s - $4 - 1)) END`
	tries := `(CASE WHEN f.last_at < $3 THEN 1 ELSE f.tries + 1 END)`
	ok, err := changed(a.db.ExecContext(ctx, `INSERT INTO gomeko_panel_failure AS f (subject, tries, last_at, next_at) VALUES ($1, 1, $2, 0)
		ON CONFLICT (subject) DO UPDATE SET tries = `+tries+`, last_at = $2, refused = 0, next_at = `+fmt.Sprintf(next, tries)+` WHERE f.next_at <= $2`,
		subject, now.UnixMicro(), now.Add(-forgotten).UnixMicro(), free, mostWait.Microseconds()))
	if err != nil || ok {
		return err
	}
	var until int64
	err = a.db.QueryRowContext(ctx, `UPDATE gomeko_panel_failure SET refused = 1 WHERE subject = $1 AND refused = 0 RETURNING next_at`, subject).Scan(&until)
	again := errors.Is(err, sql.ErrNoRows)
	if again {
		err = a.db.QueryRowContext(ctx, `SELECT coalesce(max(next_at), 0) FROM gomeko_panel_failure WHERE subject = $1`, subject).Scan(&until)
	}
	if err != nil {
		return err
	}
	return &TooManyError{moment(until), again}
}

// loggedIn records a successful login, unless the password's hash has changed since it was
// compared, or the user is disabled.
func (a *Accounts) loggedIn(ctx context.Context, found credential, newHash, address string) (bool, error) {
	ok := false
	err := a.transact(ctx, func(tx *sql.Tx) (err error) {
		ok, err = changed(tx.ExecContext(ctx, `UPDATE gomeko_panel_user SET password = $3, login_at = $4 WHERE name = $1 AND password = $2 AND disabled_at = 0`,
			found.name, found.hash, newHash, a.now().UnixMicro()))
		if err != nil || !ok {
			return err
		}
		return forgive(ctx, tx, found.name, address)
	})
	return ok && err == nil, err
}

// forgive clears the tries of a user who knows the password. Of the tries of the address, it takes
// back only the last one. Otherwise, a user with an account could guess the passwords of others.
func forgive(ctx context.Context, tx *sql.Tx, name, address string) error {
	if _, err := tx.ExecContext(ctx, `DELETE FROM gomeko_panel_failure WHERE subject = $1`, userSubject(name)); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `UPDATE gomeko_panel_failure SET tries = tries - 1, next_at = last_at WHERE subject = $1 AND tries > 0`, addressSubject(address))
	return err
}
