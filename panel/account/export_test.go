package account

import (
	"testing"
	"time"
)

// SetClock replaces the clock.
func (a *Accounts) SetClock(now func() time.Time) { a.now = now }

// SetCost sets the cost of new hashes, in KiB of memory.
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

// Hashing makes each hashing of a password wait until a value is received from start, and end when
// one is sent to it.
func (a *Accounts) Hashing() (start chan struct{}) {
	a.hashing = make(chan struct{})
	return a.hashing
}

// Failures returns the number of users and addresses with failed logins.
func (a *Accounts) Failures(t *testing.T) (n int) {
	t.Helper()
	if err := a.db.QueryRowContext(t.Context(), `SELECT count(*) FROM gomeko_panel_failure`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// DropAudit removes the audit trail.
func (a *Accounts) DropAudit(t *testing.T) {
	t.Helper()
	if _, err := a.db.ExecContext(t.Context(), `DROP TABLE gomeko_panel_audit`); err != nil {
		t.Fatal(err)
	}
}
