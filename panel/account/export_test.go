package account

import (
	"testing"
	"time"
)

// SetClock replaces the clock.
func (a *Accounts) SetClock(now func() time.Time) { a.now = now }

// SetCost sets what new hashes cost, in KiB of memory.
func (a *Accounts) SetCost(memory uint32) { a.cost = cost{memory: memory, passes: 1, threads: 1} }

// Hash returns the hash of a password.
func (a *Accounts) Hash(t *testing.T, name string) (hash string) {
	t.Helper()
	if err := a.db.QueryRowContext(t.Context(), `SELECT password FROM gomeko_panel_user WHERE name = $1`, name).Scan(&hash); err != nil {
		t.Fatal(err)
	}
	return hash
}

// SetHash sets the hash of a password.
func (a *Accounts) SetHash(t *testing.T, name, hash string) {
	t.Helper()
	if _, err := a.db.ExecContext(t.Context(), `UPDATE gomeko_panel_user SET password = $2 WHERE name = $1`, name, hash); err != nil {
		t.Fatal(err)
	}
}
