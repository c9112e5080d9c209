package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// An ElsewhereError is returned if a transaction is not in the store's database.
type ElsewhereError struct {
	Store string // the name of the store
	Err   error  // the error of the transaction's database; nil if it has a store with another id
}

// Error returns a text that says where the transaction must be, and what to do.
func (e *ElsewhereError) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("the transaction is not in the database of the store %s: it has a store with another id there. "+
			"Set gomeko.jobs.store to the database of the transaction", e.Store)
	}
	return fmt.Sprintf("the transaction finds no tables of the store %s: %v. Set gomeko.jobs.store to the database and the schema of the "+
		"transaction, and run gomeko jobs migrate", e.Store, e.Err)
}

// Unwrap returns the error of the transaction's database.
func (e *ElsewhereError) Unwrap() error { return e.Err }

// id returns the id of the store. It is read only once, because the only connection may be in use
// by the caller's transaction.
func (s *Store) id(ctx context.Context) (string, error) {
	if id := s.known.Load(); id != nil {
		return *id, nil
	}
	return s.ID(ctx)
}

// CheckTx returns an [ElsewhereError] if tx is not in the store's database, or does not see the
// store's tables.
func (s *Store) CheckTx(ctx context.Context, tx Executor) error {
	id, err := s.id(ctx)
	if err != nil {
		return err
	}
	var there string
	if err := tx.QueryRowContext(ctx, `SELECT id FROM gomeko_store`).Scan(&there); err != nil {
		return s.inTx(err)
	}
	if there != id {
		return &ElsewhereError{Store: s.name}
	}
	return nil
}

// inTx returns the error of a statement in a transaction of the caller.
func (s *Store) inTx(err error) error {
	if err != nil && missingTable(err) {
		return &ElsewhereError{s.name, err}
	}
	return s.wrap(err)
}

// missingTable reports whether err means that a table of the store does not exist.
func missingTable(err error) bool {
	var state interface{ SQLState() string }
	if errors.As(err, &state) {
		return state.SQLState() == "42P01"
	}
	return strings.Contains(err.Error(), "no such table: gomeko_")
}
