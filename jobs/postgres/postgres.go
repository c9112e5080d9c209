package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/gomeko/gomeko/jobs/store"
)

// Open opens the store in the database of a URL, "postgres://user:password@host/database". It
// connects once, so that a wrong URL is an error here. Errors and [store.Store.Name] do not contain
// the password. The tables are not checked: see [store.Store.Check] and [store.Store.Migrate].
func Open(ctx context.Context, url string) (*store.Store, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err) // pgx prints the URL without its password
	}
	name := fmt.Sprintf("postgres://%s/%s", config.Host, config.Database)
	db := stdlib.OpenDB(*config)
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	if err := db.PingContext(ctx); err != nil {
		db.Close()
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return store.Open(db, store.PostgreSQL(), name), nil
}

// connections is how many connections a store has at most.
const connections = 8
