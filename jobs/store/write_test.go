package store_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/jobs/store"
)

// TestChangesTogether makes changes wait for one another in SQLite. A change that fails, or whose
// caller gives up, is undone without the others, which share a commit.
func TestChangesTogether(t *testing.T) {
	for name, undo := range map[string]func(ctx context.Context, s *store.Store) error{
		"all succeed": nil,
		"one fails": func(_ context.Context, s *store.Store) error {
			return s.Exec(context.Background(), "INSERT INTO gomeko_store (id) VALUES ('another'), (NULL)")
		},
		"the caller of one goes": func(ctx context.Context, s *store.Store) error {
			return s.Exec(ctx, `WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n)
				INSERT INTO gomeko_store (id) SELECT i FROM n`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := migrated(t, openSQLite)
			free := s.Occupy()
			ctx, leave := context.WithCancel(t.Context())
			const changes = 10
			var callers sync.WaitGroup
			failed := make([]error, changes)
			for i := range changes {
				callers.Go(func() {
					if i == changes/2 && undo != nil {
						failed[i] = undo(ctx, s)
						return
					}
					jobs := make([]store.New, 2)
					for k := range jobs {
						jobs[k] = store.New{ID: fmt.Sprint(i, " ", k), Service: "images", Name: "resize", Queue: "queue"}
					}
					_, failed[i] = s.Insert(t.Context(), jobs...)
				})
				hosttest.Eventually(t, "the change waits", func() bool { return s.Waiting() > i })
			}
			free()
			time.AfterFunc(50*time.Millisecond, leave) // its statement never ends
			callers.Wait()
			want, stores := 2*changes, 0
			if undo != nil {
				want -= 2
				if failed[changes/2] == nil {
					t.Error("the change that cannot be made has succeeded")
				}
				failed[changes/2] = nil
			}
			all, err := s.List(t.Context(), store.Filter{Limit: 100})
			if err = errors.Join(append(failed, err)...); err != nil || len(all) != want {
				t.Errorf("%d jobs are there instead of %d: %v", len(all), want, err)
			}
			if err := s.Pool().QueryRow("SELECT count(*) FROM gomeko_store").Scan(&stores); err != nil || stores != 1 {
				t.Errorf("%d rows of the failed change are there: %v", stores-1, err)
			}
		})
	}
}

// TestChangesJoin makes changes while another process writes to SQLite. Changes that
// arrive while the first one waits share its transaction. A caller whose ctx ends returns at once.
func TestChangesJoin(t *testing.T) {
	s := migrated(t, openSQLite)
	other, err := s.Pool().Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	execute := func(statement string) {
		t.Helper()
		if _, err := other.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	execute("BEGIN IMMEDIATE")
	var callers sync.WaitGroup
	failed := make([]error, 6)
	for i := range failed {
		callers.Go(func() {
			failed[i] = s.Exec(t.Context(), fmt.Sprintf("INSERT INTO gomeko_store (id) VALUES (%s)", []string{"'a'", "NULL"}[i%2]))
		})
		if i == 0 {
			hosttest.Eventually(t, "the first one has the turn", func() bool { return s.Writing() && s.Waiting() == 0 })
		}
	}
	hosttest.Eventually(t, "the others wait", func() bool { return s.Waiting() == len(failed)-1 })
	ctx, leave := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer leave()
	if err := s.Exec(ctx, "INSERT INTO gomeko_store (id) VALUES ('late')"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the caller whose ctx has ended got %v", err)
	}
	execute("COMMIT")
	callers.Wait()
	for i, err := range failed {
		if (err != nil) != (i%2 == 1) {
			t.Errorf("change %d: %v", i, err)
		}
	}
	rows := 0
	if err := s.Pool().QueryRow("SELECT count(*) FROM gomeko_store WHERE id = 'a'").Scan(&rows); err != nil || rows != 3 {
		t.Errorf("%d rows, %v; want 3", rows, err)
	}
}

// TestChangeEnds ends the ctx of a change while SQLite makes it. The error says only that.
func TestChangeEnds(t *testing.T) {
	s := migrated(t, openSQLite)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := s.Exec(ctx, `WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n) INSERT INTO gomeko_store (id) SELECT i FROM n`)
	if want := s.Name() + ": " + context.DeadlineExceeded.Error(); !errors.Is(err, context.DeadlineExceeded) || err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
	if err := s.Exec(t.Context(), `INSERT INTO gomeko_store (id) VALUES ('later')`); err != nil {
		t.Error(err)
	}
}

// TestChangePanics lets a change panic while others wait. Each caller gets a true outcome, and
// later changes work.
func TestChangePanics(t *testing.T) {
	s := migrated(t, openSQLite)
	free := s.Occupy()
	insert := func(id string) error {
		_, err := s.Insert(t.Context(), []store.New{
			{ID: id + " 1", Service: "images", Name: "resize", Queue: "queue"}, {ID: id + " 2", Service: "images", Name: "resize", Queue: "queue"},
		}...)
		return err
	}
	var callers sync.WaitGroup
	failed := make([]error, 5)
	for i := range failed {
		callers.Go(func() {
			defer func() { _ = recover() }() // one of the calls panics
			if failed[i] = errors.New("has panicked"); i == 2 {
				s.Panic()
				return
			}
			failed[i] = insert(fmt.Sprint(i))
		})
		hosttest.Eventually(t, "the change waits", func() bool { return s.Waiting() > i })
	}
	free()
	callers.Wait()
	if err := insert("later"); err != nil {
		t.Fatal(err)
	}
	for i, err := range failed {
		there, lost := s.Get(t.Context(), fmt.Sprint(i, " 1"))
		if lost != nil || (err == nil) != (len(there) == 1) {
			t.Errorf("change %d: got %v, and the store has %+v, %v", i, err, there, lost)
		}
	}
}
