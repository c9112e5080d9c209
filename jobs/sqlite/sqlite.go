// Package sqlite opens a store of jobs in a SQLite file.
package sqlite

import (
	"context"
	"errors"

	"github.com/gomeko/gomeko/jobs/store"
)

// Open opens the store in a file, which it creates if it does not exist. The tables are not checked:
// see [store.Store.Check] and [store.Store.Migrate].
func Open(ctx context.Context, file string) (*store.Store, error) { return nil, errors.ErrUnsupported }
