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
//
// A process that hangs in a transaction keeps its locks for 10 s: then PostgreSQL ends the
// transaction and the connection. The parameter idle_in_transaction_session_timeout in the URL
// changes that.
func Connect(ctx context.Context, url string) (db *sql.DB, name string, err error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, "", fmt.Errorf("postgres: %w", err) // pgx prints the URL without its password
	}
	name = fmt.Sprintf("postgres://%s/%s", config.Host, config.Database)
	var options []stdlib.OptionOpenDB
	if _, given := config.RuntimeParams[idleParameter]; !given {
		options = append(options, stdlib.OptionAfterConnect(limitIdle))
	}
	db = stdlib.OpenDB(*config, options...)
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

// idleParameter limits how long a transaction waits for the next statement of its client.
const idleParameter = "idle_in_transaction_session_timeout"

// limitIdle sets the limit with a statement: PgBouncer refuses it among the parameters with which a
// client connects.
func limitIdle(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, "SET "+idleParameter+" = '10s'")
	return err
}
