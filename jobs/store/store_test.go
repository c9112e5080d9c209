package store_test

import (
	"context"
	"database/sql"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/jobs/postgres"
	"github.com/gomeko/gomeko/jobs/sqlite"
	"github.com/gomeko/gomeko/jobs/store"
)

func TestMain(m *testing.M) {
	flag.Parse()
	if checks := flag.Lookup("rapid.checks"); checks.Value.String() == checks.DefValue {
		if err := checks.Value.Set("40"); err != nil { // on two databases, with the race detector
			panic(err)
		}
	}
	goleak.VerifyTestMain(m)
}

// open opens an empty database, without tables.
type open func(t testing.TB) *store.Store

// eachDatabase runs f as the subtests sqlite and postgres.
func eachDatabase(t *testing.T, f func(t *testing.T, open open)) {
	t.Run("sqlite", func(t *testing.T) { f(t, openSQLite) })
	t.Run("postgres", func(t *testing.T) { f(t, openPostgres) })
}

func openSQLite(t testing.TB) *store.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "jobs.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closed(t, s) })
	return s
}

// openPostgres opens a new schema of the database that GOMEKO_POSTGRES names.
func openPostgres(t testing.TB) *store.Store {
	t.Helper()
	s, err := postgres.Open(t.Context(), hosttest.Schema(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closed(t, s) })
	return s
}

// again opens the database of a store a second time, like another process.
func again(t testing.TB, s *store.Store) *store.Store {
	t.Helper()
	var second *store.Store
	var err error
	if file, ok := strings.CutPrefix(s.Name(), "sqlite:"); ok {
		second, err = sqlite.Open(t.Context(), file)
	} else {
		var schema string
		if err := s.Pool().QueryRowContext(t.Context(), `SELECT current_schema()`).Scan(&schema); err != nil {
			t.Fatal(err)
		}
		second, err = postgres.Open(t.Context(), hosttest.WithParameter(os.Getenv("GOMEKO_POSTGRES"), "search_path="+schema))
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closed(t, second) })
	return second
}

func closed(t testing.TB, s *store.Store) {
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// exec runs statements without parameters.
func exec(ctx context.Context, t testing.TB, db *sql.DB, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// migrated opens a database and creates the tables.
func migrated(t testing.TB, open open) *store.Store {
	t.Helper()
	s := open(t)
	if _, _, err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// A clock is the clock of a database, which only the test moves.
type clock struct {
	db  *sql.DB
	now time.Time
	set string // the statement that sets it, to microseconds
}

// epoch is the initial time of a clock.
var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// setClock makes the store use a clock of the test.
func setClock(t testing.TB, s *store.Store) *clock {
	t.Helper()
	c := &clock{db: s.Pool(), now: epoch, set: `UPDATE gomeko_clock SET now = $1`}
	kind := "integer"
	if s.Name() != "" && !strings.HasPrefix(s.Name(), "sqlite:") {
		kind = "timestamptz"
		c.set = `UPDATE gomeko_clock SET now = 'epoch'::timestamptz + CAST($1 AS bigint) * interval '1 microsecond'`
	}
	exec(t.Context(), t, s.Pool(), `CREATE TABLE gomeko_clock (now `+kind+` NOT NULL)`, `INSERT INTO gomeko_clock VALUES (`+map[string]string{
		"integer": "0", "timestamptz": "'epoch'",
	}[kind]+`)`)
	s.SetClock(`(SELECT now FROM gomeko_clock)`)
	c.advance(t, 0)
	return c
}

// A fataler is a test, or a test of rapid.
type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

// advance moves the clock.
func (c *clock) advance(t fataler, d time.Duration) {
	t.Helper()
	c.now = c.now.Add(d)
	if _, err := c.db.ExecContext(context.Background(), c.set, c.now.UnixMicro()); err != nil {
		t.Fatalf("clock: %v", err)
	}
}
