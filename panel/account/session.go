package account

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"time"
)

// A Session is the state that a control panel keeps for a browser. It ends when it expires, when
// the password of its user changes, and when the user is disabled.
type Session struct {
	Token   string // a hash of the token in the browser's cookie, which is useless to a reader of the database
	User    string // "" if nobody is logged in
	Data    []byte
	Expires time.Time
}

// Session returns the session with a token, or nil if there is none or it has expired.
func (a *Accounts) Session(ctx context.Context, token string) (*Session, error) {
	s := &Session{Token: token}
	var expires int64
	err := a.db.QueryRowContext(ctx, `SELECT name, data, expires_at FROM gomeko_panel_session WHERE token = $1 AND expires_at > $2`,
		text(token), a.now().UnixMicro()).Scan(&s.User, &s.Data, &expires)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, err
	}
	s.Expires = moment(expires)
	return s, nil
}

// SaveSession adds a session. Its token must be new.
func (a *Accounts) SaveSession(ctx context.Context, s Session) error {
	_, err := a.db.ExecContext(ctx, `INSERT INTO gomeko_panel_session (token, name, data, expires_at) VALUES ($1, $2, $3, $4)`,
		s.Token, s.User, s.Data, s.Expires.UnixMicro())
	return err
}

// ErrEnded is returned for a session that has ended.
var ErrEnded = errors.New("the session has ended")

// UpdateSession replaces the user, the data and the expiry of the session with the token of s. If
// the session has ended, the error is [ErrEnded], and the session is not started again.
func (a *Accounts) UpdateSession(ctx context.Context, s Session) error {
	result, err := a.db.ExecContext(ctx, `UPDATE gomeko_panel_session SET name = $2, data = $3, expires_at = $4 WHERE token = $1 AND expires_at > $5`,
		s.Token, s.User, s.Data, s.Expires.UnixMicro(), a.now().UnixMicro())
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return cmp.Or(err, ErrEnded)
	}
	return nil
}

// EndSession deletes the session with a token, if it exists.
func (a *Accounts) EndSession(ctx context.Context, token string) error {
	_, err := a.db.ExecContext(ctx, `DELETE FROM gomeko_panel_session WHERE token = $1`, text(token))
	return err
}

// SweepSessions deletes expired sessions, and failed logins that no longer count.
func (a *Accounts) SweepSessions(ctx context.Context) error {
	now := a.now()
	_, err := a.db.ExecContext(ctx, `DELETE FROM gomeko_panel_session WHERE expires_at <= $1`, now.UnixMicro())
	if err == nil {
		_, err = a.db.ExecContext(ctx, `DELETE FROM gomeko_panel_failure WHERE last_at < $1`, now.Add(-forgotten).UnixMicro())
	}
	return err
}

// endSessions ends the sessions of a user, including those that a login is about to save.
func endSessions(ctx context.Context, tx *sql.Tx, name string) error {
	if _, err := tx.ExecContext(ctx, `UPDATE gomeko_panel_user SET session_version = session_version + 1 WHERE name = $1`, name); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `DELETE FROM gomeko_panel_session WHERE name = $1`, name)
	return err
}
