package orders

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/gomeko/gomeko/di"
	"github.com/gomeko/gomeko/jobs"
)

// A Store keeps orders.
type Store interface {
	// Add adds an order and returns true. If an order with the same ID exists, it returns false.
	Add(ctx context.Context, order *Order) (bool, error)

	// Get returns the order with the id, or [ErrNotFound].
	Get(ctx context.Context, id string) (*Order, error)

	// Count returns the number of orders of a user.
	Count(ctx context.Context, userID int) (int, error)

	// Latest returns the latest orders, newest first, and at most count.
	Latest(ctx context.Context, count int) ([]Order, error)

	// Forget deletes the orders of a user.
	Forget(ctx context.Context, userID int) error
}

// InTx gives each call a Store in its own transaction. The transaction is committed after the
// method has returned, or rolled back if the method returned an error or panicked. If the commit
// fails, so does the call.
func InTx(db *sql.DB) di.Provider[Store] {
	return func(ctx context.Context) (Store, di.Done, error) {
		tx, err := db.BeginTx(ctx, nil) // the transaction ends with ctx
		if err != nil {
			return nil, nil, err
		}
		jobs.UseTx(ctx, tx) // for the outbox and the inbox
		end := func(err error) error {
			if err != nil {
				return rolledBack(err, tx.Rollback())
			}
			if err := tx.Commit(); err != nil {
				return fmt.Errorf("commit: %w", err)
			}
			return nil
		}
		return inTx{tx}, end, nil
	}
}

// rolledBack returns the error of a call, joined with the error of its rollback if that failed.
func rolledBack(err, failed error) error {
	if failed == nil || errors.Is(failed, sql.ErrTxDone) { // ctx has ended the transaction
		return err
	}
	return fmt.Errorf("%w (and rollback: %w)", err, failed)
}

// inTx is a [Store] in a transaction. Its SQL works with SQLite and PostgreSQL.
type inTx struct{ tx *sql.Tx }

func (s inTx) Add(ctx context.Context, o *Order) (bool, error) {
	result, err := s.tx.ExecContext(ctx, `
		INSERT INTO orders (id, user_id, customer, product, count, created) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (id) DO NOTHING`, o.ID, o.UserID, o.Customer, o.Product, o.Count, time.Now().UnixNano())
	if err != nil {
		return false, err
	}
	rows, err := result.RowsAffected()
	return rows == 1, err
}

func (s inTx) Get(ctx context.Context, id string) (*Order, error) {
	o := &Order{ID: id}
	err := s.tx.QueryRowContext(ctx, `SELECT user_id, customer, product, count FROM orders WHERE id = $1`, id).
		Scan(&o.UserID, &o.Customer, &o.Product, &o.Count)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("%q: %w", id, ErrNotFound)
	}
	return o, err
}

func (s inTx) Count(ctx context.Context, userID int) (n int, err error) {
	err = s.tx.QueryRowContext(ctx, `SELECT count(*) FROM orders WHERE user_id = $1`, userID).Scan(&n)
	return n, err
}

func (s inTx) Latest(ctx context.Context, count int) ([]Order, error) {
	rows, err := s.tx.QueryContext(ctx, `SELECT id, user_id, customer, product, count FROM orders ORDER BY created DESC LIMIT $1`, count)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	latest := []Order{}
	for rows.Next() {
		var o Order
		if err := rows.Scan(&o.ID, &o.UserID, &o.Customer, &o.Product, &o.Count); err != nil {
			return nil, err
		}
		latest = append(latest, o)
	}
	return latest, rows.Err()
}

func (s inTx) Forget(ctx context.Context, userID int) error {
	_, err := s.tx.ExecContext(ctx, `DELETE FROM orders WHERE user_id = $1`, userID)
	return err
}
