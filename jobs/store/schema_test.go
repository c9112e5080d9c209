package store_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/gomeko/gomeko/jobs/store"
)

// TestSchema checks the errors for tables that are missing, too old, or too new.
func TestSchema(t *testing.T) {
	eachDatabase(t, func(t *testing.T, open open) {
		s := open(t)
		schema := func(have int, text string) {
			t.Helper()
			err := s.Check(t.Context())
			var wrong *store.SchemaError
			if !errors.As(err, &wrong) || wrong.Have != have {
				t.Fatalf("got %v, want a schema error about version %d", err, have)
			}
			for _, part := range []string{s.Name(), "gomeko jobs migrate", text} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%v: does not contain %q", err, part)
				}
			}
		}
		schema(0, "no tables")
		from, to, err := s.Migrate(t.Context())
		if err != nil || from != 0 || to == 0 {
			t.Fatalf("from %d to %d: %v", from, to, err)
		}
		if again, same, err := s.Migrate(t.Context()); err != nil || again != to || same != to {
			t.Fatalf("from %d to %d: %v", again, same, err)
		}
		if err := s.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
		exec(t.Context(), t, s.Pool(), fmt.Sprintf(`INSERT INTO gomeko_migration VALUES (%d, CURRENT_TIMESTAMP)`, to+1))
		schema(to+1, fmt.Sprintf("have version %d, this program knows only %d: a newer gomeko jobs migrate was run", to+1, to))
		if _, _, err := s.Migrate(t.Context()); !errors.As(err, new(*store.SchemaError)) {
			t.Fatalf("migrated newer tables: %v", err)
		}
		exec(t.Context(), t, s.Pool(), fmt.Sprintf(`DELETE FROM gomeko_migration WHERE version >= %d`, to))
		schema(to-1, fmt.Sprintf("have version %d, this program needs %d: run gomeko jobs migrate", to-1, to))
		exec(t.Context(), t, s.Pool(), `DELETE FROM gomeko_migration`)
		schema(0, "no tables")
	})
}

// TestMigrationsAtOnce checks that processes that start together create the tables once, and that
// the store has one id.
func TestMigrationsAtOnce(t *testing.T) {
	eachDatabase(t, func(t *testing.T, open open) {
		first := open(t)
		stores := []*store.Store{first, again(t, first), again(t, first), again(t, first)}
		var wait sync.WaitGroup
		ids := make([]string, len(stores))
		for i, s := range stores {
			wait.Go(func() {
				if _, _, err := s.Migrate(t.Context()); err != nil {
					t.Error(err)
					return
				}
				var err error
				if ids[i], err = s.ID(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		wait.Wait()
		for _, id := range ids {
			if id == "" || id != ids[0] {
				t.Errorf("ids differ: %q", ids)
			}
		}
	})
}
