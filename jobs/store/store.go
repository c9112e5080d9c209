package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Again is the time after which the sweeper asks again for a worker for a queued job that no worker
// has taken. It doubles with each [Job.Nudges].
const Again = 30 * time.Second

// A Store keeps jobs in a database. Several goroutines may use it, and several processes may have
// stores on the same database.
type Store struct {
	db      *sql.DB
	dialect Dialect
	name    string
	texts   sync.Map // maps statements with placeholders to statements of the dialect
	ready   prepared
	known   atomic.Pointer[string] // the store's id; nil before it was read
	writers writers

	gathering gathering
}

// An Executor runs statements. It is a *sql.DB, *sql.Conn or *sql.Tx, or a wrapper of one.
type Executor interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// Open returns a store on db, which [Store.Close] closes. name appears in messages and must not
// contain a password. Users call Open of jobs/sqlite or jobs/postgres instead, which also configure
// db for the store. Open does not access the database: see [Store.Check] and [Store.Migrate].
func Open(db *sql.DB, d Dialect, name string) *Store {
	s := &Store{db: db, dialect: d, name: name}
	if d.single {
		s.writers.turn = make(chan struct{}, 1)
		s.ready.statements = map[string]*sql.Stmt{}
	}
	return s
}

// Name returns the name of the store for messages, such as "sqlite:jobs.db" or
// "postgres://db.example.org/jobs". It contains no password.
func (s *Store) Name() string { return s.name }

// Close closes the database, after waiting for running statements.
func (s *Store) Close() error { return errors.Join(s.ready.close(), s.db.Close()) }

// text returns a statement in the store's dialect.
func (s *Store) text(statement string) string {
	if text, ok := s.texts.Load(statement); ok {
		return text.(string)
	}
	text := s.dialect.sql(statement)
	s.texts.Store(statement, text)
	return text
}

// A conn runs statements: a *sql.DB or *sql.Tx.
type conn interface {
	Executor
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// read runs f, which only reads.
func (s *Store) read(f func(conn) error) error { return s.wrap(f(s.conn(nil))) }

// uniqueViolation is PostgreSQL's error code when another job of the same resource runs, or another
// job holds the same key. SQLite has one writer and returns no such errors.
const uniqueViolation = "23505"

// deadlock reports whether the database aborted a transaction because of others, which means that
// it may be repeated.
func deadlock(err error) bool {
	var state interface{ SQLState() string }
	if !errors.As(err, &state) {
		return false
	}
	code := state.SQLState()
	return code == "40P01" || code == "40001" || code == uniqueViolation
}

// wrap adds the store's name to an error of the database.
func (s *Store) wrap(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", s.name, err)
}

// Clock returns the time of the database's clock, which decides when jobs are due and leases
// expire.
func (s *Store) Clock(ctx context.Context) (now time.Time, err error) {
	err = s.read(func(c conn) error {
		return c.QueryRowContext(ctx, "SELECT "+s.dialect.now).Scan((*moment)(&now))
	})
	return now, err
}
