package account

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"strings"
	"time"
)

// A Dialect is the kind of a database.
type Dialect string

// The databases that accounts can be in.
const (
	SQLite     Dialect = "sqlite"
	PostgreSQL Dialect = "postgres"
)

// Accounts are users, groups, sessions and what people have done, in a database. Several goroutines may use
// them, and several processes the same database.
type Accounts struct {
	db      *sql.DB
	now     func() time.Time
	cost    cost          // of new hashes
	hashing chan struct{} // held while a password is hashed, which takes memory
}

// migrations are the statements that make the tables, in the order of their names.
//
//go:embed migrations/*.sql
var migrations embed.FS

// types replaces the types that the databases name differently.
var types = map[Dialect]*strings.Replacer{
	SQLite:     strings.NewReplacer("{serial}", "integer PRIMARY KEY AUTOINCREMENT", "{bytes}", "blob"),
	PostgreSQL: strings.NewReplacer("{serial}", "bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY", "{bytes}", "bytea"),
}

// Open returns the accounts in a database, and makes their tables or brings them to the version of
// this program. The tables' names begin with gomeko_panel_, so that the database may be that of the
// jobs. db stays the caller's, who closes it. An error says that the tables are newer than this
// program, or is the database's.
func Open(ctx context.Context, db *sql.DB, dialect Dialect) (*Accounts, error) {
	a := &Accounts{db: db, now: time.Now, cost: today, hashing: make(chan struct{}, hashesAtOnce)}
	if types[dialect] == nil {
		return nil, fmt.Errorf("account: dialect %q: must be %s or %s", dialect, SQLite, PostgreSQL)
	}
	if err := a.transact(ctx, func(tx *sql.Tx) error { return migrate(ctx, tx, dialect) }); err != nil {
		return nil, fmt.Errorf("tables of accounts: %w", err)
	}
	return a, nil
}

// migrate brings the tables to the version of this program.
func migrate(ctx context.Context, tx *sql.Tx, dialect Dialect) error {
	if dialect == PostgreSQL { // another process may do the same
		if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock(hashtext('gomeko_panel_migration'), hashtext(current_schema()))`); err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS gomeko_panel_migration (version integer PRIMARY KEY)`); err != nil {
		return err
	}
	var have int
	if err := tx.QueryRowContext(ctx, `SELECT coalesce(max(version), 0) FROM gomeko_panel_migration`).Scan(&have); err != nil {
		return err
	}
	files, err := migrations.ReadDir("migrations")
	if err != nil {
		return err
	}
	if have > len(files) {
		return fmt.Errorf("their version is %d, and this program knows %d: use a newer gomeko", have, len(files))
	}
	for i, file := range files[have:] {
		text, err := migrations.ReadFile("migrations/" + file.Name())
		if err != nil {
			return err
		}
		for statement := range strings.SplitSeq(types[dialect].Replace(string(text)), ";\n") {
			if strings.TrimSpace(statement) == "" {
				continue
			}
			if _, err := tx.ExecContext(ctx, statement); err != nil {
				return fmt.Errorf("%s: %w", file.Name(), err)
			}
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO gomeko_panel_migration (version) VALUES ($1)`, have+i+1); err != nil {
			return err
		}
	}
	return nil
}

// transact runs f in a transaction.
func (a *Accounts) transact(ctx context.Context, f func(*sql.Tx) error) error {
	tx, err := a.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := f(tx); err != nil {
		if undone := tx.Rollback(); !errors.Is(undone, sql.ErrTxDone) {
			err = errors.Join(err, undone)
		}
		return err
	}
	return tx.Commit()
}

// each calls scan for each row of a query.
func (a *Accounts) each(ctx context.Context, scan func(*sql.Rows) error, query string, args ...any) error {
	rows, err := a.db.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// moment returns the time of a column, in microseconds since 1970; the zero time for 0.
func moment(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micros).UTC()
}
