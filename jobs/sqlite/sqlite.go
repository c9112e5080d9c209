package sqlite

import (
	"context"

	"github.com/gomeko/gomeko/internal/sqlite"
	"github.com/gomeko/gomeko/jobs/store"
)

// Open opens the store in a file, which it creates if it does not exist. It does not check the
// tables: see [store.Store.Check] and [store.Store.Migrate].
func Open(ctx context.Context, file string) (*store.Store, error) {
	db, name, err := sqlite.Connect(ctx, file)
	if err != nil {
		return nil, err
	}
	return store.Open(db, store.SQLite(), name), nil
}
