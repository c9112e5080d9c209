package store

import (
	"context"
	"database/sql"
	"time"
)

// Again is after how much time the sweeper asks again to wake a worker for a queued job that no
// worker has taken. The time doubles with each [Job.Nudges].
const Again = 30 * time.Second

// A Store keeps jobs in a database. Its methods may be called concurrently, and so may those of
// other stores on the same database, in other processes.
type Store struct {
	db   *sql.DB
	d    Dialect
	name string
}

// An Executor runs statements: a *sql.DB, *sql.Conn or *sql.Tx, or what wraps one.
type Executor interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// Open returns a store on db, which it closes with [Store.Close]. name is printed in messages, so it
// must not contain a password. Users call Open of jobs/sqlite or jobs/postgres, which also set up
// db as the store needs it. Open does not use the database: see [Store.Check] and [Store.Migrate].
func Open(db *sql.DB, d Dialect, name string) *Store { return &Store{db: db, d: d, name: name} }

// Name returns the name of the store for messages, as "sqlite:jobs.db" or
// "postgres://db.example.org/jobs". It contains no password.
func (s *Store) Name() string { return s.name }

// Close closes the database. Statements under way are waited for.
func (s *Store) Close() error { return s.db.Close() }

// A Dialect is the SQL of one kind of database: [SQLite] or [PostgreSQL].
type Dialect struct {
	name string
}

// SQLite returns the dialect of SQLite, from version 3.42.
func SQLite() Dialect { return Dialect{name: "sqlite"} }

// PostgreSQL returns the dialect of PostgreSQL, from version 12.
func PostgreSQL() Dialect { return Dialect{name: "postgres"} }

// String returns "sqlite" or "postgres".
func (d Dialect) String() string { return d.name }
