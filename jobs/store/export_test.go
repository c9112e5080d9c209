package store

import "database/sql"

// The errors of those whose workers died.
const (
	KilledError  = killedError
	SuspectError = suspectError
)

// SetClock replaces the database's time by the value of a table, which the test sets.
func (s *Store) SetClock(now string) { s.dialect.now = now }

// Pool returns the store's connections.
func (s *Store) Pool() *sql.DB { return s.db }

// Text returns a statement in the store's dialect.
func (s *Store) Text(statement string) string { return s.text(statement) }
