package postgres_test

import (
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/internal/postgres"
)

// A prepared statement is planned each time it runs, unless the URL says otherwise.
func TestPlans(t *testing.T) {
	url := hosttest.Schema(t)
	for url, want := range map[string]bool{url: false, hosttest.WithParameter(url, "plan_cache_mode=auto"): true} {
		db, _, err := postgres.Connect(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		conn, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		var version int
		if err := conn.QueryRowContext(t.Context(), "SELECT current_setting('server_version_num')::int").Scan(&version); err != nil {
			t.Fatal(err)
		}
		if version < 140000 {
			t.Skip("PostgreSQL before 14 does not count generic plans: set GOMEKO_POSTGRES to the URL of a newer one")
		}
		const query = "SELECT count(*) FROM pg_class WHERE relname = $1"
		for range 10 {
			var n int
			if err := conn.QueryRowContext(t.Context(), query, "jobs").Scan(&n); err != nil {
				t.Fatal(err)
			}
		}
		var generic int
		err = conn.QueryRowContext(t.Context(), "SELECT generic_plans FROM pg_prepared_statements WHERE statement = $1", query).Scan(&generic)
		if err != nil || generic > 0 != want {
			t.Errorf("%d generic plans in 10 executions, %v; want some: %v", generic, err, want)
		}
	}
}

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
	short := hosttest.WithParameter(url, "idle_in_transaction_session_timeout=3s")
	if got := setting(short); got != "3s" {
		t.Errorf("got %q, want 3s as in the URL", got)
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
