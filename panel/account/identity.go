package account

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/gomeko/gomeko/internal/clip"
)

// An Identity is a user as known to an OpenID provider, after a login there.
type Identity struct {
	// Issuer and Subject identify the user. They never belong to another person.
	Issuer, Subject string

	// Name is the name of the user that the first login adds. Later logins do not change it.
	Name string

	// Groups are the groups that the issuer assigns to the user, or nil if it does not say. They
	// replace groups that it assigned before. Groups that were assigned in the panel stay.
	Groups []string
}

var (
	// ErrRefused is the error of a login elsewhere that does not give access to an account.
	ErrRefused = errors.New("the login is refused")

	// ErrNameTaken is the ErrRefused of a first login if another account has the name. A name alone
	// never gives access to an account.
	ErrNameTaken = fmt.Errorf("%w: another account has this name", ErrRefused)

	// ErrDisabled is the ErrRefused of a disabled user.
	ErrDisabled = fmt.Errorf("%w: the user is disabled", ErrRefused)
)

// longestSubject is the maximum length of an issuer and of a subject, in bytes.
const longestSubject = 255

// maxIssued is the maximum number of groups that an issuer may assign to a user.
const maxIssued = 1000

// LoginAs returns the user of an identity that a provider has confirmed. At the first login it adds
// the user, without a password. address is where the login comes from. The error is [ErrNameTaken],
// [ErrDisabled], another [ErrRefused] for a name or a group that cannot be used, or that of the
// database. The audit trail records each login and each change of the user's groups.
func (a *Accounts) LoginAs(ctx context.Context, id Identity, address string) (*User, error) {
	var version int64
	name := clip.Text(text(id.Name), longestName)
	err := refuse(id.check())
	for range 2 { // another process may be adding the user
		if err == nil || errors.Is(err, ErrNameTaken) {
			err = a.transact(ctx, func(tx *sql.Tx) (err error) {
				name, version, err = a.enter(ctx, tx, id, address)
				return err
			})
		}
	}
	if err := a.note(ctx, Actor{name, address}, Entry{Action: "login", Object: name, Details: id.details()}, err); err != nil {
		return nil, err
	}
	return a.userWith(ctx, name, version)
}

// refuse wraps err in an [ErrRefused]; it returns nil if err is nil.
func refuse(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrRefused, err)
}

// details returns what the audit trail records about an identity.
func (id *Identity) details() map[string]any {
	return map[string]any{"issuer": text(id.Issuer), "subject": text(id.Subject)}
}

// check returns an error if the identity cannot be stored.
func (id *Identity) check() error {
	for what, value := range map[string]string{"issuer": id.Issuer, "subject": id.Subject} {
		if value == "" || len(value) > longestSubject || value != text(value) {
			return fmt.Errorf("%s %.60q: must be a text of 1 to %d bytes", what, value, longestSubject)
		}
	}
	if len(id.Groups) > maxIssued {
		return fmt.Errorf("the issuer gives %d groups, at most %d are taken: have it give only those of the panel", len(id.Groups), maxIssued)
	}
	for _, group := range id.Groups {
		if err := CheckPath(group); err != nil {
			return err
		}
	}
	return nil
}

// enter returns the name and the SessionVersion of an identity's user, in a transaction that
// records the login.
func (a *Accounts) enter(ctx context.Context, tx *sql.Tx, id Identity, address string) (name string, version int64, err error) {
	var had string
	var disabled int64
	err = tx.QueryRowContext(ctx, `SELECT i.name, i.groups, u.disabled_at, u.session_version FROM gomeko_panel_identity AS i JOIN gomeko_panel_user AS u ON u.name = i.name
		WHERE i.issuer = $1 AND i.subject = $2`, id.Issuer, id.Subject).Scan(&name, &had, &disabled, &version)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		had = "[]"
		name, err = a.enrol(ctx, tx, id, address)
	case err == nil && disabled != 0:
		err = ErrDisabled
	}
	if err == nil {
		_, err = tx.ExecContext(ctx, `UPDATE gomeko_panel_user SET login_at = $2 WHERE name = $1`, name, a.now().UnixMicro())
	}
	if err != nil || id.Groups == nil {
		return cmp.Or(name, clip.Text(text(id.Name), longestName)), version, err
	}
	var before []string
	if err := json.Unmarshal([]byte(had), &before); err != nil {
		return name, version, fmt.Errorf("user %s: groups of the issuer: %w", name, err)
	}
	return name, version, a.regroup(ctx, tx, name, id, before, address)
}

// enrol adds the user of a new identity.
func (a *Accounts) enrol(ctx context.Context, tx *sql.Tx, id Identity, address string) (string, error) {
	name, err := normal(id.Name)
	if err != nil {
		return "", refuse(err)
	}
	now := a.now().UnixMicro()
	added, err := changed(tx.ExecContext(ctx, `INSERT INTO gomeko_panel_user (name, password, superuser, created_at, disabled_at, login_at)
		VALUES ($1, '', 0, $2, 0, 0) ON CONFLICT DO NOTHING`, name, now))
	if err == nil && !added {
		err = ErrNameTaken
	}
	if err != nil {
		return name, err
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO gomeko_panel_identity (issuer, subject, name, groups, created_at) VALUES ($1, $2, $3, '[]', $4)`,
		id.Issuer, id.Subject, name, now); err != nil {
		return name, err
	}
	return name, a.record(ctx, tx, Entry{Actor: Actor{name, address}, Action: "user.add", Object: name, Details: id.details()})
}

// regroup gives a user the groups of the issuer, and removes those that it gave before.
func (a *Accounts) regroup(ctx context.Context, tx *sql.Tx, name string, id Identity, before []string, address string) error {
	var has []string
	rows, err := tx.QueryContext(ctx, `SELECT path FROM gomeko_panel_member WHERE name = $1`, name)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var path string
		if err := rows.Scan(&path); err != nil {
			return err
		}
		has = append(has, path)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return err
	}
	var joined, left []string
	given := []string{} // by the issuer, and not in the panel
	for _, group := range slices.Compact(slices.Sorted(slices.Values(id.Groups))) {
		switch {
		case !slices.Contains(has, group):
			joined, given = append(joined, group), append(given, group)
		case slices.Contains(before, group):
			given = append(given, group)
		}
	}
	for _, group := range before {
		if slices.Contains(has, group) && !slices.Contains(given, group) {
			left = append(left, group)
		}
	}
	return a.applyGroups(ctx, tx, name, id, given, joined, left, address)
}

// applyGroups writes the result of regroup, if there is a difference.
func (a *Accounts) applyGroups(ctx context.Context, tx *sql.Tx, name string, id Identity, given, joined, left []string, address string) error {
	for _, group := range joined {
		if _, err := tx.ExecContext(ctx, `INSERT INTO gomeko_panel_group (path, created_at) VALUES ($1, $2) ON CONFLICT DO NOTHING`, group, a.now().UnixMicro()); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO gomeko_panel_member (path, name) VALUES ($1, $2) ON CONFLICT DO NOTHING`, group, name); err != nil {
			return err
		}
	}
	for _, group := range left {
		if _, err := tx.ExecContext(ctx, `DELETE FROM gomeko_panel_member WHERE path = $1 AND name = $2`, group, name); err != nil {
			return err
		}
	}
	list, err := json.Marshal(given)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `UPDATE gomeko_panel_identity SET groups = $3 WHERE issuer = $1 AND subject = $2`, id.Issuer, id.Subject, string(list)); err != nil {
		return err
	}
	if len(joined)+len(left) == 0 {
		return nil
	}
	return a.record(ctx, tx, Entry{
		Actor: Actor{name, address}, Action: "user.groups", Object: name, Details: map[string]any{"issuer": id.Issuer, "joined": joined, "left": left},
	})
}
