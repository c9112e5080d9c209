package postgres

import (
	"context"

	"github.com/gomeko/gomeko/internal/postgres"
	"github.com/gomeko/gomeko/jobs/store"
)

// Open opens the store in the database of a URL, "postgres://user:password@host/database". It
// connects once, so that a wrong URL is an error here. Errors and [store.Store.Name] do not contain
// the password. The tables are not checked: see [store.Store.Check] and [store.Store.Migrate].
func Open(ctx context.Context, url string) (*store.Store, error) {
	db, name, err := postgres.Connect(ctx, url)
	if err != nil {
		return nil, err
	}
	return store.Open(db, store.PostgreSQL(), name), nil
}
