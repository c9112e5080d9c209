package account

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
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

// checkPassword returns an error if a new password is not acceptable.
func checkPassword(name, password string) error {
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

// newHash returns the hash of a new password.
func (a *Accounts) newHash(ctx context.Context, name, password string) (string, error) {
	if err := checkPassword(name, password); err != nil {
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
