package postgres_test

import (
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/internal/postgres"
)

// A process that hangs in a transaction loses its locks, by default after 10 s, or after the time
// in the URL.
func TestIdleInTransaction(t *testing.T) {
	url := hosttest.Schema(t)
	setting := func(url string) (value string) {
		t.Helper()
		db, _, err := postgres.Connect(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if err := db.QueryRowContext(t.Context(), "SHOW idle_in_transaction_session_timeout").Scan(&value); err != nil {
			t.Fatal(err)
		}
		return value
	}
	if got := setting(url); got != "10s" {
		t.Errorf("got %q by default, want 10s", got)
	}
	short := hosttest.WithParameter(url, "idle_in_transaction_session_timeout=100ms")
	if got := setting(short); got != "100ms" {
		t.Errorf("got %q, want 100ms as in the URL", got)
	}

	db, _, err := postgres.Connect(t.Context(), short)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), "CREATE TABLE held (n int); INSERT INTO held VALUES (1)"); err != nil {
		t.Fatal(err)
	}
	hung, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := hung.ExecContext(t.Context(), "UPDATE held SET n = 2"); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if _, err := db.ExecContext(t.Context(), "UPDATE held SET n = 3"); err != nil { // it waits for the lock
		t.Fatal(err)
	}
	if err := hung.Commit(); err == nil {
		t.Errorf("the transaction was committed, want that it has ended after %v", time.Since(began))
	}
}
