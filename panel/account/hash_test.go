package account_test

import (
	"strings"
	"testing"

	"github.com/gomeko/gomeko/panel/account"
)

// TestHashes checks that a login rehashes a password if the cost of its hash is not that of new
// ones.
func TestHashes(t *testing.T) {
	onEach(t, func(t *testing.T, a *account.Accounts) {
		user(t, a, "ann")
		before := a.Hash(t, "ann")
		a.SetCost(128)
		if _, err := a.Login(t.Context(), "ann", password, ""); err != nil {
			t.Fatal(err)
		}
		after := a.Hash(t, "ann")
		if !strings.HasPrefix(before, "$argon2id$v=19$m=64,t=1,p=1$") || !strings.HasPrefix(after, "$argon2id$v=19$m=128,t=1,p=1$") {
			t.Errorf("the hash was %s, and is %s", before, after)
		}
		if _, err := a.Login(t.Context(), "ann", password, ""); err != nil || a.Hash(t, "ann") != after {
			t.Errorf("the second login: %v", err)
		}
		for _, hash := range []string{"x", "$argon2i$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$a2V5a2V5a2V5a2V5a2V5", "$argon2id$v=19$m=99999999,t=1,p=1$c2FsdHNhbHQ$a2V5a2V5a2V5a2V5a2V5", "$argon2id$v=19$m=64,t=0,p=1$c2FsdHNhbHQ$a2V5a2V5a2V5a2V5a2V5"} {
			a.SetHash(t, "ann", hash)
			if _, err := a.Login(t.Context(), "ann", password, ""); err == nil || !strings.Contains(err.Error(), "user ann: the password's hash in the database cannot be read: set the password again") {
				t.Errorf("hash %s: %v", hash, err)
			}
		}
	})
}
