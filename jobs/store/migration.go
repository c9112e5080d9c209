package store

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"strings"
)

// migrations has a folder for each dialect, with the numbered files that create the tables.
//
//go:embed migrations
var migrations embed.FS

// A migration is a file of statements. Its version is its place among the files, from 1.
type migration []string

// migrations returns the migrations of the dialect, in order.
func (d Dialect) migrations() ([]migration, error) {
	files, err := fs.Glob(migrations, "migrations/"+d.name+"/*.sql")
	if err != nil {
		return nil, err
	}
	var all []migration
	for _, file := range files { // in the order of their names
		text, err := fs.ReadFile(migrations, file)
		if err != nil {
			return nil, err
		}
		var m migration
		for statement := range strings.SplitSeq(string(text), ";\n") {
			if strings.TrimSpace(statement) != "" {
				m = append(m, statement)
			}
		}
		all = append(all, m)
	}
	return all, nil
}

// version returns the version of the tables, or 0 if there are none.
func (s *Store) version(ctx context.Context, c conn) (version int, err error) {
	var tables int
	if err := c.QueryRowContext(ctx, s.dialect.exists).Scan(&tables); err != nil || tables == 0 {
		return 0, err
	}
	err = c.QueryRowContext(ctx, `SELECT coalesce(max(version), 0) FROM gomeko_migration`).Scan(&version)
	return version, err
}

// Check returns a [SchemaError], which names gomeko jobs migrate, if the tables are missing, too
// old or too new for this program.
func (s *Store) Check(ctx context.Context) error {
	all, err := s.dialect.migrations()
	if err != nil {
		return err
	}
	return s.read(func(c conn) error {
		have, err := s.version(ctx, c)
		if err == nil && have != len(all) {
			err = &SchemaError{Have: have, Want: len(all)}
		}
		return err
	})
}

// Migrate creates the tables, or upgrades them to the version of this program. It returns the
// versions before and after, which are equal if nothing was done. It does not change tables that
// are newer than the program, and returns a [SchemaError]. Processes that call it at the same time
// wait for each other.
func (s *Store) Migrate(ctx context.Context) (from, to int, err error) {
	all, err := s.dialect.migrations()
	if err != nil {
		return 0, 0, err
	}
	err = s.transact(ctx, func(c conn) error {
		if s.dialect.migrating != "" {
			if _, err := c.ExecContext(ctx, s.dialect.migrating); err != nil {
				return err
			}
		}
		from, err = s.version(ctx, c)
		switch {
		case err != nil:
			return err
		case from > len(all):
			return &SchemaError{Have: from, Want: len(all)}
		case from == 0:
			if err := s.numbers(ctx, c); err != nil {
				return err
			}
		}
		for version := from + 1; version <= len(all); version++ {
			if err := s.migrate(ctx, c, version, all[version-1]); err != nil {
				return fmt.Errorf("migration %d: %w", version, err)
			}
		}
		return nil
	})
	if err != nil {
		return from, from, err
	}
	return from, len(all), nil
}

// numbers creates the table that records the migrations.
func (s *Store) numbers(ctx context.Context, c conn) error {
	_, err := c.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS gomeko_migration (version integer PRIMARY KEY, applied_at timestamp NOT NULL)`)
	return err
}

// migrate runs one migration.
func (s *Store) migrate(ctx context.Context, c conn, version int, m migration) error {
	for _, statement := range m {
		if _, err := c.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	_, err := c.ExecContext(ctx, `INSERT INTO gomeko_migration (version, applied_at) VALUES ($1, CURRENT_TIMESTAMP)`, version)
	return err
}

// ID returns the random id that the store got when its tables were created. Two stores with the
// same ID work on the same rows.
func (s *Store) ID(ctx context.Context) (id string, err error) {
	err = s.read(func(c conn) error { return c.QueryRowContext(ctx, `SELECT id FROM gomeko_store`).Scan(&id) })
	if err == nil {
		s.known.Store(&id)
	}
	return id, err
}
