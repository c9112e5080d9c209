// Package migration creates the tables of the control panel's packages, and migrates them to the
// version of the program.
//
//	var tables = migration.Set{Name: "gomeko_panel_run_migration", Files: files}
//
//	err := tables.Apply(ctx, tx, "sqlite")
package migration

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"strings"
)

// A Set describes the tables of a package.
type Set struct {
	// Name is the name of the table that stores the version of the others.
	Name string
	// Files contains the directory migrations with SQL files. The version of the tables is the
	// number of files that have been applied, in the order of their names.
	Files embed.FS
}

// types replaces types whose names differ between the databases.
var types = map[string]*strings.Replacer{
	"sqlite":   strings.NewReplacer("{serial}", "integer PRIMARY KEY AUTOINCREMENT", "{bytes}", "blob"),
	"postgres": strings.NewReplacer("{serial}", "bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY", "{bytes}", "bytea"),
}

// Apply migrates the tables to the version of this program, in a transaction. dialect is sqlite or
// postgres. It returns an error if the tables are newer than this program.
func (s Set) Apply(ctx context.Context, tx *sql.Tx, dialect string) error {
	replace := types[dialect]
	if replace == nil {
		return fmt.Errorf("dialect %q: must be sqlite or postgres", dialect)
	}
	if dialect == "postgres" { // another process may be doing the same
		if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock(hashtext('`+s.Name+`'), hashtext(current_schema()))`); err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS `+s.Name+` (version integer PRIMARY KEY)`); err != nil {
		return err
	}
	var have int
	if err := tx.QueryRowContext(ctx, `SELECT coalesce(max(version), 0) FROM `+s.Name).Scan(&have); err != nil {
		return err
	}
	files, err := s.Files.ReadDir("migrations")
	if err != nil {
		return err
	}
	if have > len(files) {
		return fmt.Errorf("their version is %d, and this program knows %d: use a newer gomeko", have, len(files))
	}
	for i, file := range files[have:] {
		text, err := s.Files.ReadFile("migrations/" + file.Name())
		if err != nil {
			return err
		}
		for statement := range strings.SplitSeq(replace.Replace(string(text)), ";\n") {
			if strings.TrimSpace(statement) == "" {
				continue
			}
			if _, err := tx.ExecContext(ctx, statement); err != nil {
				return fmt.Errorf("%s: %w", file.Name(), err)
			}
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO `+s.Name+` (version) VALUES ($1)`, have+i+1); err != nil {
			return err
		}
	}
	return nil
}
