// Package postgres connects to PostgreSQL databases, with the settings that all of gomeko needs.
package postgres

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// Connect opens the database with this URL, and checks that it can connect. name identifies the
// database in messages. Neither name nor an error contains the password.
//
// If a process hangs in a transaction, PostgreSQL ends the transaction and the connection after 10
// s, which releases the locks. The parameter idle_in_transaction_session_timeout in the URL changes
// that time.
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

// connections is the maximum number of connections of a process to a database.
const connections = 8

// idleParameter limits how long a transaction waits for the client's next statement.
const idleParameter = "idle_in_transaction_session_timeout"

// limitIdle sets the limit with a statement, because PgBouncer does not accept it as a connection
// parameter.
func limitIdle(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, "SET "+idleParameter+" = '10s'")
	return err
}
