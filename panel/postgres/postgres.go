// Package postgres opens a PostgreSQL database for the accounts and the history of a panel.
//
//	panel.Module(panel.Serving{Open: postgres.Open("postgres://panel:secret@db.example.org/panel")})
//
// It is a package of its own so that only programs that use PostgreSQL link its driver. PostgreSQL
// must be of version 13 or later.
package postgres

import (
	"context"
	"database/sql"

	"github.com/gomeko/gomeko/internal/postgres"
	"github.com/gomeko/gomeko/panel/account"
)

// Open returns a function that opens the database of a URL,
// "postgres://user:password@host/database", and connects to it once. Errors do not contain the
// password. The function may be the Open of a [github.com/gomeko/gomeko/panel.Serving]. Close the
// database when you are done with it. [account.Open] creates the tables.
func Open(url string) func(context.Context) (*sql.DB, account.Dialect, error) {
	return func(ctx context.Context) (*sql.DB, account.Dialect, error) {
		db, _, err := postgres.Connect(ctx, url)
		return db, account.PostgreSQL, err
	}
}
