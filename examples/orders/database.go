package orders

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver pgx
	"go.uber.org/fx"
	_ "modernc.org/sqlite" // the driver sqlite
)

// Settings are the key orders of the configuration.
type Settings struct {
	// Database is the path of a file, for SQLite, a postgres:// URL, or "memory" for orders that
	// are gone when the process stops.
	Database string `yaml:"database"`
}

// OpenDB opens the database. The application creates its tables when it starts, and closes the
// database when it stops.
func OpenDB(life fx.Lifecycle, settings Settings) (*sql.DB, error) {
	driver, source := "pgx", settings.Database
	switch {
	case source == "memory":
		driver, source = "sqlite", "file::memory:?_pragma=foreign_keys(1)&_txlock=immediate"
	case !strings.HasPrefix(source, "postgres://"):
		// A transaction takes the write lock when it begins (_txlock): if two had read, only one of
		// them could write.
		driver = "sqlite"
		source = "file:" + source + "?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=foreign_keys(1)&_txlock=immediate"
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	if settings.Database == "memory" {
		db.SetMaxOpenConns(1) // each connection has a database of its own
	}
	life.Append(fx.Hook{
		OnStart: func(ctx context.Context) error { return create(ctx, db) },
		OnStop:  func(context.Context) error { return db.Close() },
	})
	return db, nil
}

// tables create the tables. The commit checks that the product of an order exists.
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
