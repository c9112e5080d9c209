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
// If a process hangs in a transaction, PostgreSQL ends the transaction and the connection after
// 10 s, which releases the locks. Each statement is planned whenever it runs. The parameters
// idle_in_transaction_session_timeout and plan_cache_mode in the URL change this.
func Connect(ctx context.Context, url string) (db *sql.DB, name string, err error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, "", fmt.Errorf("postgres: %w", err) // pgx prints the URL without its password
	}
	name = fmt.Sprintf("postgres://%s/%s", config.Host, config.Database)
	db = stdlib.OpenDB(*config, stdlib.OptionAfterConnect(func(ctx context.Context, conn *pgx.Conn) error {
		return set(ctx, conn, config.RuntimeParams)
	}))
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

// settings are the parameters that Connect sets on each connection, unless the URL does.
var settings = [][2]string{
	// How long a transaction waits for the client's next statement.
	{"idle_in_transaction_session_timeout", "10s"},
	// By default, PostgreSQL keeps the plan of a prepared statement that has run five times. In a new
	// store, the tables are nearly empty then, so the plan scans them from end to end, and it is kept
	// until their statistics are collected: recording outcomes takes seconds instead of milliseconds.
	// Planning a statement each time costs little, because each handles many rows.
	{"plan_cache_mode", "force_custom_plan"},
}

// set applies the settings that are not in given. It uses SET, because PgBouncer does not accept
// them as startup parameters.
func set(ctx context.Context, conn *pgx.Conn, given map[string]string) error {
	for _, s := range settings {
		if _, ok := given[s[0]]; ok {
			continue
		}
		if _, err := conn.Exec(ctx, "SET "+s[0]+" = '"+s[1]+"'"); err != nil {
			return err
		}
	}
	return nil
}
