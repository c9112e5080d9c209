package postgres

import (
	"context"
	"database/sql"

	"github.com/gomeko/gomeko/internal/postgres"
	"github.com/gomeko/gomeko/panel/account"
)

// Open returns a function for the field Open of a [github.com/gomeko/gomeko/panel.Serving]. The
// function opens the database at url, such as "postgres://user:password@host/database", and
// connects to it once. Errors do not contain the password. The caller of the function closes the
// database. [account.Open] creates the tables.
func Open(url string) func(context.Context) (*sql.DB, account.Dialect, error) {
	return func(ctx context.Context) (*sql.DB, account.Dialect, error) {
		db, _, err := postgres.Connect(ctx, url)
		return db, account.PostgreSQL, err
	}
}
