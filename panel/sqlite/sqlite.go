package sqlite

import (
	"context"
	"database/sql"

	"github.com/gomeko/gomeko/internal/sqlite"
	"github.com/gomeko/gomeko/panel/account"
)

// Open returns a function for the field Open of a [github.com/gomeko/gomeko/panel.Serving]. The
// function opens a SQLite file, and creates it if it does not exist. The caller of the function
// closes the database. [account.Open] creates the tables.
func Open(file string) func(context.Context) (*sql.DB, account.Dialect, error) {
	return func(ctx context.Context) (*sql.DB, account.Dialect, error) {
		db, _, err := sqlite.Connect(ctx, file)
		return db, account.SQLite, err
	}
}
