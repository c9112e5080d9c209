package orders

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"strings"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver pgx
	"go.uber.org/fx"
	_ "modernc.org/sqlite" // the driver sqlite

	"github.com/gomeko/gomeko/config"
)

// OpenDB opens the database that ORDERS_DB names in the configuration: a postgres:// URL, or the path of a file for
// SQLite, orders.db unless said otherwise. Its tables are made at the start; it is closed at the stop.
func OpenDB(life fx.Lifecycle, cfg *config.Config) (*sql.DB, error) {
	name, ok := cfg.Values["ORDERS_DB"].(string)
	if !ok && cfg.Values["ORDERS_DB"] != nil {
		return nil, fmt.Errorf("ORDERS_DB is %v: write the path of a file, or a postgres:// URL", cfg.Values["ORDERS_DB"])
	}
	driver, source := "pgx", name
	if !strings.HasPrefix(name, "postgres://") {
		// Writers wait for each other instead of failing, and so that no one waits for a lock that it
		// stands in the way of itself, a transaction takes the lock when it begins.
		driver = "sqlite"
		source = "file:" + cmp.Or(name, "orders.db") +
			"?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=foreign_keys(1)&_txlock=immediate"
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		return nil, fmt.Errorf("ORDERS_DB: %w", err)
	}
	life.Append(fx.Hook{
		OnStart: func(ctx context.Context) error { return create(ctx, db) },
		OnStop:  func(context.Context) error { return db.Close() },
	})
	return db, nil
}

// tables are what orders is kept in. That the product is one is checked at the commit.
var tables = []string{
	`CREATE TABLE IF NOT EXISTS products (name TEXT PRIMARY KEY)`,
	`CREATE TABLE IF NOT EXISTS orders (
		id       TEXT PRIMARY KEY,
		user_id  INTEGER NOT NULL,
		customer TEXT NOT NULL,
		product  TEXT NOT NULL REFERENCES products (name) DEFERRABLE INITIALLY DEFERRED,
		count    INTEGER NOT NULL
	)`,
	`INSERT INTO products (name) VALUES ('tea'), ('coffee') ON CONFLICT (name) DO NOTHING`,
}

func create(ctx context.Context, db *sql.DB) error {
	for _, statement := range tables {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("database: %w", err)
		}
	}
	return nil
}
