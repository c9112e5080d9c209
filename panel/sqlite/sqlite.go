// Package sqlite opens a SQLite file for the accounts and the history of a panel.
//
//	panel.Module(panel.Serving{Open: sqlite.Open("panel.db")})
//
// It is a separate package so that only programs that use SQLite link its driver. Several panels on
// one host may share a file. Panels on several hosts need PostgreSQL: see package
// [github.com/gomeko/gomeko/panel/postgres].
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
