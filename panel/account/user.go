package account

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/gomeko/gomeko/internal/grouppath"
)

// A User is a user of the panel.
type User struct {
	Name      string
	Superuser bool // may do everything
	Groups    []string
	Created   time.Time
	Disabled  time.Time // zero if the user may log in
	LastLogin time.Time // zero if never

	HasPassword bool // the user can log in with a password of the panel

	// SessionVersion increases whenever all sessions of the user end. A session is valid only while
	// the user has the version with which it began. A login returns the version of the moment when
	// the password was compared, so a session that is saved after a change of the password ends.
	SessionVersion int64

	// Issuer and Subject are the [Identity] with which the user logs in elsewhere, or "" if there
	// is none.
	Issuer, Subject string
}

// Missing returns the first group that path requires and the user is not in. It returns "" if the
// user may do what the path allows. Groups are case-sensitive.
func (u *User) Missing(path string) string {
	if !u.Disabled.IsZero() {
		return path
	}
	if u.Superuser {
		return ""
	}
	return grouppath.Missing(u.Groups, path)
}

// A NewUser is a user to add.
type NewUser struct {
	Name string // up to 64 of a-z, 0-9 and . _ - + @; upper case is converted to lower case
	// Password has 12 to 128 characters. If it is "", the user cannot log in with a password.
	Password  string
	Superuser bool
}

var userName = regexp.MustCompile(`^[a-z0-9._+@-]{1,64}$`)

// normal returns the name of a user in the form that the tables contain.
func normal(name string) (string, error) {
	lower := strings.ToLower(name)
	if !userName.MatchString(lower) {
		return "", fmt.Errorf("user %.80q: the name must have 1 to 64 of the characters a-z, 0-9 and . _ - + @", name)
	}
	return lower, nil
}

// AddUser adds a user.
func (e *Editor) AddUser(ctx context.Context, n NewUser) error {
	name, err := normal(n.Name)
	hash := ""
	if err == nil && n.Password != "" {
		hash, err = e.accounts.newHash(ctx, name, n.Password)
	}
	if err != nil {
		return err
	}
	return e.change(ctx, "user.add", name, map[string]any{"superuser": n.Superuser}, func(tx *sql.Tx) error {
		added, err := changed(tx.ExecContext(ctx, `INSERT INTO gomeko_panel_user (name, password, superuser, created_at, disabled_at, login_at)
			VALUES ($1, $2, $3, $4, 0, 0) ON CONFLICT DO NOTHING`, name, hash, number(n.Superuser), e.accounts.now().UnixMicro()))
		if err == nil && !added {
			err = fmt.Errorf("user %s exists already", name)
		}
		return err
	})
}

// SetPassword sets the password of a user, and clears failed logins. It ends the user's sessions
// and tokens, because others who knew the former password may have created them.
func (e *Editor) SetPassword(ctx context.Context, name, password string) error {
	name, err := normal(name)
	if err != nil {
		return err
	}
	hash, err := e.accounts.newHash(ctx, name, password)
	if err != nil {
		return err
	}
	return e.change(ctx, "user.passwd", name, nil, func(tx *sql.Tx) error {
		if err := update(ctx, tx, name, `password = $2`, hash); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM gomeko_panel_failure WHERE subject = $1`, userSubject(name)); err != nil {
			return err
		}
		if err := endTokens(ctx, tx, name); err != nil {
			return err
		}
		return endSessions(ctx, tx, name)
	})
}

// SetSuperuser sets whether a user may do everything.
func (e *Editor) SetSuperuser(ctx context.Context, name string, super bool) error {
	return e.set(ctx, "user.superuser", name, map[string]any{"superuser": super}, `superuser = $2`, number(super))
}

// Disable stops a user from logging in and from doing anything, and ends the user's sessions. The
// user's groups and entries in the audit trail stay.
func (e *Editor) Disable(ctx context.Context, name string) error {
	name, err := normal(name)
	if err != nil {
		return err
	}
	return e.change(ctx, "user.disable", name, nil, func(tx *sql.Tx) error {
		if err := update(ctx, tx, name, `disabled_at = $2`, e.accounts.now().UnixMicro()); err != nil {
			return err
		}
		return endSessions(ctx, tx, name)
	})
}

// Enable undoes [Editor.Disable].
func (e *Editor) Enable(ctx context.Context, name string) error {
	return e.set(ctx, "user.enable", name, nil, `disabled_at = $2`, 0)
}

// set changes a column of a user.
func (e *Editor) set(ctx context.Context, action, name string, details map[string]any, set string, value any) error {
	name, err := normal(name)
	if err != nil {
		return err
	}
	return e.change(ctx, action, name, details, func(tx *sql.Tx) error { return update(ctx, tx, name, set, value) })
}

// update changes a column of a user.
func update(ctx context.Context, tx *sql.Tx, name, set string, value any) error {
	found, err := changed(tx.ExecContext(ctx, `UPDATE gomeko_panel_user SET `+set+` WHERE name = $1`, name, value))
	if err == nil && !found {
		err = unknownUser(name)
	}
	return err
}

// ErrUnknown is returned for a user or a group that does not exist.
var ErrUnknown = errors.New("does not exist")

func unknownUser(name string) error { return fmt.Errorf("user %s %w", name, ErrUnknown) }

// User returns the user with a name. The error is [ErrUnknown] if there is none.
func (a *Accounts) User(ctx context.Context, name string) (*User, error) {
	name, err := normal(name)
	if err != nil {
		return nil, err
	}
	all, err := a.users(ctx, `WHERE name = $1`, name)
	switch {
	case err != nil:
		return nil, err
	case len(all) == 0:
		return nil, unknownUser(name)
	}
	return all[0], nil
}

// userWith returns the user with a name, for a session that begins with a version.
func (a *Accounts) userWith(ctx context.Context, name string, version int64) (*User, error) {
	u, err := a.User(ctx, name)
	if err != nil {
		return nil, err
	}
	u.SessionVersion = version
	return u, nil
}

// Users returns all users, sorted by name.
func (a *Accounts) Users(ctx context.Context) ([]*User, error) { return a.users(ctx, ``) }

// users returns the users that a condition selects.
func (a *Accounts) users(ctx context.Context, where string, args ...any) (all []*User, err error) {
	byName := map[string]*User{}
	err = a.each(ctx, func(rows *sql.Rows) error {
		u := &User{}
		var created, disabled, login int64
		err := rows.Scan(&u.Name, &u.Superuser, &created, &disabled, &login, &u.HasPassword, &u.SessionVersion, &u.Issuer, &u.Subject)
		u.Created, u.Disabled, u.LastLogin = moment(created), moment(disabled), moment(login)
		all, byName[u.Name] = append(all, u), u
		return err
	}, `SELECT name, superuser = 1, created_at, disabled_at, login_at, password <> '', session_version,
			coalesce((SELECT i.issuer FROM gomeko_panel_identity AS i WHERE i.name = u.name), ''),
			coalesce((SELECT i.subject FROM gomeko_panel_identity AS i WHERE i.name = u.name), '')
		FROM gomeko_panel_user AS u `+where+` ORDER BY name`, args...)
	if err != nil {
		return nil, err
	}
	err = a.each(ctx, func(rows *sql.Rows) error {
		var name, path string
		err := rows.Scan(&name, &path)
		if u := byName[name]; u != nil {
			u.Groups = append(u.Groups, path)
		}
		return err
	}, `SELECT name, path FROM gomeko_panel_member `+where+` ORDER BY path`, args...)
	return all, err
}

// changed reports whether a statement has changed a row.
func changed(result sql.Result, err error) (bool, error) {
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n > 0, err
}

// number converts a boolean to its value in the tables.
func number(yes bool) int {
	if yes {
		return 1
	}
	return 0
}
