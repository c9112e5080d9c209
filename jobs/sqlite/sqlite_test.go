package sqlite_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/gomeko/gomeko/jobs/sqlite"
	"github.com/gomeko/gomeko/jobs/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestOpen checks that the store is in the given file, whatever its name, and that it keeps its
// jobs and its id when it is closed.
func TestOpen(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for _, name := range []string{"jobs.db", "a b.db", "100%?x=1#y.db", "é.db"} {
		var ids []string
		for _, path := range []string{name, filepath.Join(dir, name)} {
			s, err := sqlite.Open(t.Context(), path)
			if err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			if s.Name() != "sqlite:"+path {
				t.Errorf("got the name %s", s.Name())
			}
			if _, _, err := s.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
			id, err := s.ID(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, id)
			added, err := s.Insert(t.Context(), store.New{ID: "1", Service: "images", Name: "resize", Queue: "queue"})
			if err != nil || added[0].Added != (len(ids) == 1) {
				t.Errorf("%s: added %v, %v", path, added, err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
		if ids[0] != ids[1] {
			t.Errorf("%s: the ids are %q", name, ids)
		}
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
}

// TestOpenMistakes checks the errors for files that cannot be a store.
func TestOpenMistakes(t *testing.T) {
	text := filepath.Join(t.TempDir(), "notes.txt")
	if err := os.WriteFile(text, []byte(strings.Repeat("not a database\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{text, filepath.Join(t.TempDir(), "none", "jobs.db")} {
		s, err := sqlite.Open(t.Context(), file)
		if err == nil {
			s.Close()
			t.Errorf("%s was opened", file)
			continue
		}
		if !strings.Contains(err.Error(), file) {
			t.Errorf("%v does not name %s", err, file)
		}
	}
}
