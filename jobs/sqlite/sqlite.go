package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"path/filepath"

	_ "modernc.org/sqlite" // the driver sqlite

	"github.com/gomeko/gomeko/jobs/store"
)

// pragmas set up each connection. With a write-ahead log, readers do not wait for writers. Every
// commit is synced, so that a job whose message was acknowledged survives a power failure. A
// transaction takes the write lock when it begins, because one that has read before could not wait
// for it.
const pragmas = "?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=cache_size(-16000)&_txlock=immediate"

// Open opens the store in a file, which it creates if it does not exist. The tables are not
// checked: see [store.Store.Check] and [store.Store.Migrate].
func Open(ctx context.Context, file string) (*store.Store, error) {
	name := "sqlite:" + file
	path, err := filepath.Abs(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	source := url.URL{Scheme: "file", Path: filepath.ToSlash(path)}
	db, err := sql.Open("sqlite", source.String()+pragmas)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	if err := db.PingContext(ctx); err != nil {
		db.Close()
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return store.Open(db, store.SQLite(), name), nil
}

// connections is how many connections a store has at most: one writes, the others read.
const connections = 4
