package postgres

import (
	"context"

	"github.com/gomeko/gomeko/internal/postgres"
	"github.com/gomeko/gomeko/jobs/store"
)

// Open opens the store in the database at url, such as "postgres://user:password@host/database". It
// connects once, and returns an error if the URL is wrong. Errors and [store.Store.Name] do not
// contain the password. Open does not check the tables: see [store.Store.Check] and
// [store.Store.Migrate].
func Open(ctx context.Context, url string) (*store.Store, error) {
	db, name, err := postgres.Connect(ctx, url)
	if err != nil {
		return nil, err
	}
	return store.Open(db, store.PostgreSQL(), name), nil
}
