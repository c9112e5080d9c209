package account

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// ErrToken is the error for a token that is wrong, has expired or was revoked, or whose user is
// disabled. It does not say which.
var ErrToken = errors.New("the token is wrong, has expired or was revoked, or its user is disabled")

const (
	// tokenLife is the default lifetime of a token, and maxTokenLife the maximum.
	tokenLife, maxTokenLife = 90 * 24 * time.Hour, 366 * 24 * time.Hour

	// tokenPrefix begins each token, so that programs that scan texts for secrets find it.
	tokenPrefix = "gomeko_token_"

	// usedEvery is how often the use of a token is recorded.
	usedEvery = time.Minute

	maxNote = 200
)

// A Token is used by a program instead of a user's password. The database has only its hash. It
// ends when it expires or is revoked, or when the password of its user changes.
type Token struct {
	ID      string // the public part of the token
	User    string
	Note    string // its purpose
	Created time.Time
	Expires time.Time
	Used    time.Time // to the minute; zero if never
	Address string    // from where it was last used
}

// AddToken creates a token of a user. The token cannot be read again later. note describes its
// purpose. It expires after life, at most 366 days; 0 means 90 days.
func (e *Editor) AddToken(ctx context.Context, user, note string, life time.Duration) (token string, err error) {
	if life == 0 {
		life = tokenLife
	}
	if life < 0 || life > maxTokenLife {
		return "", fmt.Errorf("token: expires after %s: must be at most %s", life, maxTokenLife)
	}
	if len(note) > maxNote {
		return "", fmt.Errorf("token: the note has %d bytes, the limit is %d", len(note), maxNote)
	}
	name, err := normal(user)
	if err != nil {
		return "", err
	}
	id := strings.ToLower(rand.Text()[:10])
	token = tokenPrefix + id + "_" + rand.Text()
	now := e.accounts.now()
	details := map[string]any{"token": id, "note": text(note), "expires": now.Add(life).UTC().Format(time.RFC3339)}
	err = e.change(ctx, "user.token", name, details, func(tx *sql.Tx) error {
		err := tx.QueryRowContext(ctx, `SELECT name FROM gomeko_panel_user WHERE name = $1`, name).Scan(new(string))
		if errors.Is(err, sql.ErrNoRows) {
			return unknownUser(name)
		}
		if err == nil {
			_, err = tx.ExecContext(ctx, `INSERT INTO gomeko_panel_token (id, hash, name, note, created_at, expires_at, used_at, address)
				VALUES ($1, $2, $3, $4, $5, $6, 0, '')`, id, hashOf(token), name, text(note), now.UnixMicro(), now.Add(life).UnixMicro())
		}
		return err
	})
	if err != nil {
		return "", err
	}
	return token, nil
}

// hashOf returns the hash of a token. A token is random, so the hash needs neither salt nor cost.
func hashOf(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// RevokeToken deletes a token by its id, or by the token itself.
func (e *Editor) RevokeToken(ctx context.Context, token string) error {
	id := tokenID(token)
	return e.change(ctx, "user.revoke", id, nil, func(tx *sql.Tx) error {
		if id == "" {
			return fmt.Errorf("the token %w: an ID has 10 of the characters a-z and 2-7", ErrUnknown)
		}
		found, err := changed(tx.ExecContext(ctx, `DELETE FROM gomeko_panel_token WHERE id = $1`, id))
		if err == nil && !found {
			err = fmt.Errorf("token %s %w", id, ErrUnknown)
		}
		return err
	})
}

var idOfToken = regexp.MustCompile(`^[a-z2-7]{10}$`)

// tokenID returns the public part of a token. It returns "" for a text that is not a token, because
// that may be another secret.
func tokenID(token string) string {
	id, _, _ := strings.Cut(strings.TrimPrefix(token, tokenPrefix), "_")
	if !idOfToken.MatchString(id) {
		return ""
	}
	return id
}

// endTokens deletes the tokens of a user.
func endTokens(ctx context.Context, tx *sql.Tx, name string) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM gomeko_panel_token WHERE name = $1`, name)
	return err
}

// Tokens returns the tokens of a user, including expired ones; "" means those of all users.
func (a *Accounts) Tokens(ctx context.Context, user string) (all []Token, err error) {
	where, args := "", []any{}
	if user != "" {
		name, err := normal(user)
		if err != nil {
			return nil, err
		}
		where, args = ` WHERE name = $1`, append(args, name)
	}
	err = a.each(ctx, func(rows *sql.Rows) error {
		var t Token
		var created, expires, used int64
		err := rows.Scan(&t.ID, &t.User, &t.Note, &created, &expires, &used, &t.Address)
		t.Created, t.Expires, t.Used = moment(created), moment(expires), moment(used)
		all = append(all, t)
		return err
	}, `SELECT id, name, note, created_at, expires_at, used_at, address FROM gomeko_panel_token`+where+` ORDER BY name, created_at, id`, args...)
	return all, err
}

// UserOf returns the user of a token. address is where it is used. The error is [ErrToken] or that
// of the database. The audit trail records refused tokens: the first 51 from an address, then one
// after each delay, which grows from a second to 15 minutes. The delay affects only the audit
// trail, not the answer.
func (a *Accounts) UserOf(ctx context.Context, token, address string) (*User, error) {
	u, err := a.userOf(ctx, token, address)
	if !errors.Is(err, ErrToken) {
		return u, err
	}
	var many *TooManyError
	if tried := a.try(ctx, tokenSubject(address), freeOfAddress); errors.As(tried, &many) {
		return nil, err
	} else if tried != nil {
		return nil, tried
	}
	return nil, a.note(ctx, Actor{"", address}, Entry{Action: "token", Object: tokenID(token)}, err)
}

func (a *Accounts) userOf(ctx context.Context, token, address string) (*User, error) {
	var hash, name string
	var expires, used int64
	id, now := tokenID(token), a.now()
	err := a.db.QueryRowContext(ctx, `SELECT hash, name, expires_at, used_at FROM gomeko_panel_token WHERE id = $1`, id).Scan(&hash, &name, &expires, &used)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, ErrToken
	case err != nil:
		return nil, err
	case subtle.ConstantTimeCompare([]byte(hash), []byte(hashOf(token))) != 1 || now.UnixMicro() >= expires:
		return nil, ErrToken
	}
	u, err := a.User(ctx, name)
	switch {
	case errors.Is(err, ErrUnknown):
		return nil, ErrToken
	case err != nil:
		return nil, err
	case !u.Disabled.IsZero():
		return nil, ErrToken
	}
	if now.Sub(moment(used)) >= usedEvery {
		_, err = a.db.ExecContext(ctx, `UPDATE gomeko_panel_token SET used_at = $2, address = $3 WHERE id = $1`, id, now.UnixMicro(), text(address))
	}
	return u, err
}
