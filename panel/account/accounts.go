package account

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"time"

	"github.com/gomeko/gomeko/internal/migration"
)

// A Dialect is the kind of a database.
type Dialect string

// The kinds of databases that can hold accounts.
const (
	SQLite     Dialect = "sqlite"
	PostgreSQL Dialect = "postgres"
)

// Accounts holds users, groups, sessions and the audit trail in a database. Several goroutines may
// use it, and several processes may use the same database.
type Accounts struct {
	db      *sql.DB
	dialect Dialect
	now     func() time.Time
	cost    cost          // of new hashes
	hashing chan struct{} // held while hashing a password, which takes memory
}

// files are the statements that create the tables.
//
//go:embed migrations/*.sql
var files embed.FS

var tables = migration.Set{Name: "gomeko_panel_migration", Files: files}

// Open returns the accounts in a database. It creates the tables, or upgrades them to the version
// of this program. Their names begin with gomeko_panel_, so the database may also hold the jobs.
// The caller closes db. Open returns an error if the database does, or if the tables are newer than
// this program.
func Open(ctx context.Context, db *sql.DB, dialect Dialect) (*Accounts, error) {
	a := &Accounts{db: db, dialect: dialect, now: time.Now, cost: today, hashing: make(chan struct{}, hashesAtOnce)}
	if dialect != SQLite && dialect != PostgreSQL {
		return nil, fmt.Errorf("account: dialect %q: must be %s or %s", dialect, SQLite, PostgreSQL)
	}
	if err := a.transact(ctx, func(tx *sql.Tx) error { return tables.Apply(ctx, tx, string(dialect)) }); err != nil {
		return nil, fmt.Errorf("tables of accounts: %w", err)
	}
	return a, nil
}

// Dialect returns the kind of the database.
func (a *Accounts) Dialect() Dialect { return a.dialect }

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

// moment converts the value of a column, in microseconds since 1970, to a time; 0 is the zero time.
func moment(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micros).UTC()
}
