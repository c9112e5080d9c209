// Package postgres opens a store of jobs in a PostgreSQL database.
package postgres

import (
	"context"
	"errors"

	"github.com/gomeko/gomeko/jobs/store"
)

// Open opens the store in the database of a URL, "postgres://user:password@host/database". The tables
// are not checked: see [store.Store.Check] and [store.Store.Migrate].
func Open(ctx context.Context, url string) (*store.Store, error) { return nil, errors.ErrUnsupported }
