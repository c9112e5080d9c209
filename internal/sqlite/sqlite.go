// Package sqlite connects to SQLite databases, with the settings that all of gomeko needs.
package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"path/filepath"

	_ "modernc.org/sqlite" // the driver sqlite
)

// pragmas configure each connection. With a write-ahead log, readers do not wait for writers. Every
// commit is synced, so a job whose message was acknowledged survives a power failure. A transaction
// takes the write lock when it begins, because a transaction that has already read could not wait
// for it. Temporary data is kept in memory: a statement that changes several rows saves the
// previous contents of their pages, and would otherwise write them to a file beyond 64 KiB.
const pragmas = "?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=cache_size(-16000)" +
	"&_pragma=temp_store(memory)&_txlock=immediate"

// Connect opens the database in a file, which it creates if it does not exist. name identifies the
// database in messages.
func Connect(ctx context.Context, file string) (db *sql.DB, name string, err error) {
	name = "sqlite:" + file
	path, err := filepath.Abs(file)
	if err != nil {
		return nil, name, fmt.Errorf("%s: %w", name, err)
	}
	source := url.URL{Scheme: "file", Path: filepath.ToSlash(path)}
	if db, err = sql.Open("sqlite", source.String()+pragmas); err != nil {
		return nil, name, fmt.Errorf("%s: %w", name, err)
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	if err := db.PingContext(ctx); err != nil {
		db.Close()
		return nil, name, fmt.Errorf("%s: %w", name, err)
	}
	return db, name, nil
}

// connections is the maximum number of connections to a database: one writes, the others read.
const connections = 4
