package account

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
)

// Link lets a user log in elsewhere as the subject of an issuer, instead of any previous one. Use
// it for a user who was added in the panel, or whose provider has changed. It ends the user's
// sessions, and removes the groups that the previous issuer assigned.
func (e *Editor) Link(ctx context.Context, name, issuer, subject string) error {
	name, err := normal(name)
	id := Identity{Issuer: issuer, Subject: subject}
	if err = errors.Join(err, id.check()); err != nil {
		return err
	}
	return e.change(ctx, "user.link", name, id.details(), func(tx *sql.Tx) error {
		if _, err := unlink(ctx, tx, name); err != nil {
			return err
		}
		if err := tx.QueryRowContext(ctx, `SELECT name FROM gomeko_panel_user WHERE name = $1`, name).Scan(new(string)); errors.Is(err, sql.ErrNoRows) {
			return unknownUser(name)
		} else if err != nil {
			return err
		}
		added, err := changed(tx.ExecContext(ctx, `INSERT INTO gomeko_panel_identity (issuer, subject, name, groups, created_at)
			VALUES ($1, $2, $3, '[]', $4) ON CONFLICT DO NOTHING`, issuer, subject, name, e.accounts.now().UnixMicro()))
		if err == nil && added {
			err = endSessions(ctx, tx, name)
		}
		if err != nil || added {
			return err
		}
		var other string
		if err := tx.QueryRowContext(ctx, `SELECT name FROM gomeko_panel_identity WHERE issuer = $1 AND subject = $2`, issuer, subject).Scan(&other); err != nil {
			return err
		}
		return fmt.Errorf("subject %q of %s is user %s: unlink that one first", subject, issuer, other)
	})
}

// Unlink stops a user from logging in elsewhere. It ends the user's sessions, and removes the
// groups that the issuer assigned.
func (e *Editor) Unlink(ctx context.Context, name string) error {
	name, err := normal(name)
	if err != nil {
		return err
	}
	return e.change(ctx, "user.unlink", name, nil, func(tx *sql.Tx) error {
		found, err := unlink(ctx, tx, name)
		if err == nil && !found {
			err = fmt.Errorf("user %s does not log in elsewhere", name)
		}
		return err
	})
}

// unlink removes a user's identity and its groups. It reports whether there was one.
func unlink(ctx context.Context, tx *sql.Tx, name string) (bool, error) {
	var given string
	err := tx.QueryRowContext(ctx, `SELECT groups FROM gomeko_panel_identity WHERE name = $1`, name).Scan(&given)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	var groups []string
	if err == nil {
		err = json.Unmarshal([]byte(given), &groups)
	}
	if err == nil { // first, so that the user's row is locked before others, as at a login
		err = endSessions(ctx, tx, name)
	}
	for _, group := range groups {
		if err == nil {
			_, err = tx.ExecContext(ctx, `DELETE FROM gomeko_panel_member WHERE path = $1 AND name = $2`, group, name)
		}
	}
	if err == nil {
		_, err = tx.ExecContext(ctx, `DELETE FROM gomeko_panel_identity WHERE name = $1`, name)
	}
	return true, err
}
