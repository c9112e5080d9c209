// Package postgres connects to PostgreSQL databases, with the settings that everything of ours
// needs.
package postgres

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// Connect opens the database of a URL, and connects once. name is that of the database for
// messages. Neither it nor an error contains the password.
func Connect(ctx context.Context, url string) (db *sql.DB, name string, err error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, "", fmt.Errorf("postgres: %w", err) // pgx prints the URL without its password
	}
	name = fmt.Sprintf("postgres://%s/%s", config.Host, config.Database)
	db = stdlib.OpenDB(*config)
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	if err := db.PingContext(ctx); err != nil {
		db.Close()
		return nil, name, fmt.Errorf("%s: %w", name, err)
	}
	return db, name, nil
}

// connections is how many connections a process has to a database at most.
const connections = 8
