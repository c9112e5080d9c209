package orders

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver pgx
	"go.uber.org/fx"
	_ "modernc.org/sqlite" // the driver sqlite

	"github.com/gomeko/gomeko/jobs"
	"github.com/gomeko/gomeko/jobs/store"
)

// Settings is the key orders of the configuration.
type Settings struct {
	// Database is the path of a SQLite file, a postgres:// URL, or "memory" for orders that are
	// lost when the process stops.
	Database string `yaml:"database"`
}

// OpenDB opens the database, which also contains the store for gomeko's outbox and inbox. The
// application creates the tables when it starts, and closes the database when it stops.
func OpenDB(life fx.Lifecycle, settings Settings) (*sql.DB, *store.Store, error) {
	driver, source, dialect := "sqlite", settings.Database, store.SQLite()
	switch {
	case source == "memory":
		source = "file::memory:?_pragma=foreign_keys(1)&_txlock=immediate"
	case strings.HasPrefix(source, "postgres://"):
		driver, dialect = "pgx", store.PostgreSQL()
	default:
		// A transaction takes the write lock when it begins (_txlock). Otherwise, if two
		// transactions had read, only one of them could write.
		source = "file:" + source + "?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=foreign_keys(1)&_txlock=immediate"
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		return nil, nil, fmt.Errorf("database: %w", err)
	}
	if settings.Database == "memory" {
		db.SetMaxOpenConns(1) // each connection would have its own database
	}
	kept := store.Open(db, dialect, "the database of orders")
	life.Append(fx.Hook{
		OnStart: func(ctx context.Context) error { return create(ctx, db, kept) },
		OnStop:  func(context.Context) error { return kept.Close() },
	})
	return db, kept, nil
}

// Jobs puts the outbox and the inbox into the database of the orders.
func Jobs(kept *store.Store) jobs.Config { return jobs.Config{Store: kept} }

// tables creates the tables. The commit checks that the product of an order exists.
var tables = []string{
	`CREATE TABLE IF NOT EXISTS products (name TEXT PRIMARY KEY)`,
	`CREATE TABLE IF NOT EXISTS orders (
		id       TEXT PRIMARY KEY,
		user_id  INTEGER NOT NULL,
		customer TEXT NOT NULL,
		product  TEXT NOT NULL REFERENCES products (name) DEFERRABLE INITIALLY DEFERRED,
		count    INTEGER NOT NULL,
		created  BIGINT NOT NULL
	)`,
	`INSERT INTO products (name) VALUES ('tea'), ('coffee') ON CONFLICT (name) DO NOTHING`,
}

func create(ctx context.Context, db *sql.DB, kept *store.Store) error {
	if _, _, err := kept.Migrate(ctx); err != nil {
		return err
	}
	for _, statement := range tables {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("database: %w", err)
		}
	}
	return nil
}
