package account

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
)

// cost is the cost of a hash.
type cost struct {
	memory  uint32 // KiB
	passes  uint32
	threads uint8
}

// today is the cost of new hashes. A password whose hash has another cost is rehashed at its next
// login.
var today = cost{memory: 19 << 10, passes: 2, threads: 1}

// mostMemory limits the memory for a hash from the database, in KiB.
const mostMemory = 1 << 20

// hashesAtOnce limits how many passwords are hashed at the same time, because each takes the memory
// of its cost.
var hashesAtOnce = runtime.GOMAXPROCS(0)

const (
	shortest, longest = 12, 128 // characters of a password
	different         = 5       // of them must be different
	saltSize, keySize = 16, 32
)

// CheckPassword returns an error if a user may not have a new password. It says which rule the
// password breaks.
func CheckPassword(user, password string) error {
	name := strings.ToLower(user)
	runes := map[rune]bool{}
	for _, r := range password {
		runes[r] = true
	}
	switch n := utf8.RuneCountInString(password); {
	case !utf8.ValidString(password):
		return errors.New("the password is not a text in UTF-8")
	case n < shortest || n > longest:
		return fmt.Errorf("the password has %d characters: it must have %d to %d", n, shortest, longest)
	case len(runes) < different:
		return fmt.Errorf("the password has %d different characters: it must have at least %d", len(runes), different)
	case strings.Contains(strings.ToLower(password), name) && len(name) > 3:
		return errors.New("the password contains the name of the user")
	}
	return nil
}

// ErrWrongPassword is the error of [Editor.ChangePassword] if the current password is wrong, or the
// user is disabled or has no password. It does not say which.
var ErrWrongPassword = errors.New("the current password is wrong")

// ChangePassword replaces the current password of the actor, who is a user. Comparing the current
// password counts as a login from the actor's address, with the same limits. ChangePassword ends
// the user's sessions and tokens like [Editor.SetPassword]. It returns the user, for a new session.
//
// The error is [ErrWrongPassword], a [TooManyError], that of [CheckPassword] for the new password,
// or that of the database. The audit trail records each try with an acceptable new password.
func (e *Editor) ChangePassword(ctx context.Context, current, password string) (*User, error) {
	a := e.accounts
	name, err := normal(e.actor.Name)
	if err == nil {
		err = CheckPassword(name, password)
	}
	if err != nil {
		return nil, err
	}
	var version int64
	entry := Entry{Actor: e.actor, Action: "user.passwd", Object: name}
	err = a.authenticate(ctx, name, current, e.actor.Address, func(found credential) (bool, error) {
		var err error
		version, err = a.replacePassword(ctx, found, password, entry)
		return version != 0, err
	})
	if errors.Is(err, ErrDenied) {
		err = ErrWrongPassword
	}
	if err != nil {
		return nil, a.note(ctx, e.actor, entry, err)
	}
	return a.userWith(ctx, name, version)
}

// replacePassword replaces a password that has been compared, unless its hash has changed since
// then, or the user is disabled. It returns the user's new SessionVersion, or 0 if it has not
// replaced the password.
func (a *Accounts) replacePassword(ctx context.Context, found credential, password string, entry Entry) (version int64, err error) {
	hash, err := a.hash(ctx, password)
	if err != nil {
		return 0, err
	}
	err = a.transact(ctx, func(tx *sql.Tx) error {
		ok, err := changed(tx.ExecContext(ctx, `UPDATE gomeko_panel_user SET password = $3 WHERE name = $1 AND password = $2 AND disabled_at = 0`,
			found.name, found.hash, hash))
		if err != nil || !ok {
			return err
		}
		if err := forgive(ctx, tx, found.name, entry.Actor.Address); err != nil {
			return err
		}
		if err := endTokens(ctx, tx, found.name); err != nil {
			return err
		}
		if err := endSessions(ctx, tx, found.name); err != nil {
			return err
		}
		if err := tx.QueryRowContext(ctx, `SELECT session_version FROM gomeko_panel_user WHERE name = $1`, found.name).Scan(&version); err != nil {
			return err
		}
		return a.record(ctx, tx, entry)
	})
	if err != nil {
		return 0, err
	}
	return version, nil
}

// newHash returns the hash of a new password.
func (a *Accounts) newHash(ctx context.Context, name, password string) (string, error) {
	if err := CheckPassword(name, password); err != nil {
		return "", fmt.Errorf("user %s: %w", name, err)
	}
	return a.hash(ctx, password)
}

// hash returns a hash in PHC's format (https://github.com/P-H-C/phc-string-format).
func (a *Accounts) hash(ctx context.Context, password string) (string, error) {
	salt := make([]byte, saltSize)
	_, _ = rand.Read(salt) // never fails
	key, err := a.key(ctx, password, salt, a.cost, keySize)
	encode := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, a.cost.memory, a.cost.passes, a.cost.threads, encode(salt), encode(key)), err
}

// key computes the key of a password, once there is memory for it.
func (a *Accounts) key(ctx context.Context, password string, salt []byte, c cost, size int) ([]byte, error) {
	select {
	case a.hashing <- struct{}{}:
		defer func() { <-a.hashing }()
		return argon2.IDKey([]byte(password), salt, c.passes, c.memory, c.threads, uint32(size)), nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// matches reports whether a password has this hash, and whether the cost of the hash differs from
// that of new ones.
func (a *Accounts) matches(ctx context.Context, password, hash string) (ok, old bool, err error) {
	c, salt, key, err := parseHash(hash)
	if err != nil {
		return false, false, err
	}
	computed, err := a.key(ctx, password, salt, c, len(key))
	return err == nil && subtle.ConstantTimeCompare(computed, key) == 1, c != a.cost, err
}

// parseHash parses a hash in PHC's format.
func parseHash(hash string) (c cost, salt, key []byte, err error) {
	var version int
	parts := strings.Split(hash, "$")
	if len(parts) == 6 && parts[1] == "argon2id" {
		_, versionErr := fmt.Sscanf(parts[2], "v=%d", &version)
		_, costErr := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &c.memory, &c.passes, &c.threads)
		var saltErr, keyErr error
		salt, saltErr = base64.RawStdEncoding.DecodeString(parts[4])
		key, keyErr = base64.RawStdEncoding.DecodeString(parts[5])
		if errors.Join(versionErr, costErr, saltErr, keyErr) == nil && version == argon2.Version &&
			c.memory <= mostMemory && c.passes >= 1 && c.passes <= 100 && c.threads >= 1 && len(key) >= 16 {
			return c, salt, key, nil
		}
	}
	return cost{}, nil, nil, errors.New("the password's hash in the database cannot be read: set the password again")
}
