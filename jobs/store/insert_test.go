package store_test

import (
	"database/sql"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/jobs/store"
)

// TestInsertTx checks that jobs are inserted if their transaction is committed, and only then.
func TestInsertTx(t *testing.T) {
	eachDatabase(t, func(t *testing.T, open open) {
		s := migrated(t, open)
		insert := func(commit bool, want []bool, ids ...string) {
			t.Helper()
			tx, err := s.Pool().BeginTx(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer tx.Rollback()
			var news []store.New
			for _, id := range ids {
				news = append(news, store.New{ID: id, Service: "images", Name: "resize", Queue: "queue"})
			}
			// The value has only the methods of the interface, like a wrapper of a user.
			got, err := s.InsertTx(t.Context(), struct{ store.Executor }{tx}, news...)
			if err != nil || !reflect.DeepEqual(added(got), want) {
				t.Fatalf("got %v, %v, want %v", got, err, want)
			}
			if commit {
				err = tx.Commit()
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		insert(false, []bool{true, true}, "1", "2")
		insert(true, []bool{true, true, false}, "1", "3", "1")
		insert(true, []bool{false, true}, "3", "4")
		found, err := s.Get(t.Context(), "4", "3", "2", "1")
		if err != nil || !reflect.DeepEqual(idsOf(found), []string{"1", "3", "4"}) || found[0].ID != "4" {
			t.Errorf("got %+v, %v", found, err)
		}
	})
}

// added reports for each job whether it was added.
func added(all []store.Inserted) []bool {
	yes := make([]bool, len(all))
	for i, x := range all {
		yes[i] = x.Added
	}
	return yes
}

// TestInsertMany inserts more jobs than fit into one statement: all or none.
func TestInsertMany(t *testing.T) {
	eachDatabase(t, func(t *testing.T, open open) {
		s := migrated(t, open)
		var news []store.New
		for i := range 601 {
			news = append(news, store.New{ID: fmt.Sprint(i % 600), Service: "images", Name: "resize", Queue: "queue", Nudged: true})
		}
		inserted, err := s.Insert(t.Context(), news...)
		if err != nil || slices.Index(added(inserted), false) != 600 {
			t.Fatalf("%v: got %v", err, inserted)
		}
		var claimed []store.Job
		for {
			jobs, err := s.Claim(t.Context(), store.Claim{Owner: "ann", Queue: "queue", Limit: 500, Lease: time.Minute})
			if err != nil {
				t.Fatal(err)
			}
			if len(jobs) == 0 {
				break
			}
			claimed = append(claimed, jobs...)
		}
		var ends []store.End
		for i, j := range claimed {
			if want := fmt.Sprint(i); j.ID != want {
				t.Fatalf("claimed %s, want %s: the order of Insert", j.ID, want)
			}
			ends = append(ends, store.End{ID: j.ID, Owner: "ann", Attempt: 1, State: store.Succeeded})
		}
		// This includes an end that another worker reports, and a duplicate.
		ends = append(ends, store.End{ID: "0", Owner: "bob", Attempt: 1, State: store.Failed}, ends[7])
		counted, err := s.Finish(t.Context(), ends...)
		if err != nil || slices.Index(counted, false) != 600 || !counted[601] {
			t.Fatalf("%v: %v", err, counted[590:])
		}
	})
}

// TestInsertMistakes checks that a job that cannot be stored is rejected with the reason.
func TestInsertMistakes(t *testing.T) {
	eachDatabase(t, func(t *testing.T, open open) {
		s := migrated(t, open)
		good := store.New{ID: "1", Service: "images", Name: "resize", Queue: "queue"}
		for want, spoil := range map[string]func(*store.New){
			"ID: must not be empty":         func(n *store.New) { n.ID = "" },
			"ID: has 256 bytes":             func(n *store.New) { n.ID = strings.Repeat("x", 256) },
			"Name: \"a\\x00\" is not":       func(n *store.New) { n.Name = "a\x00" },
			"ReplyTo: \"\\xff\" is not":     func(n *store.New) { n.ReplyTo = "\xff" },
			"has both In and At":            func(n *store.New) { n.In, n.At = 1, time.Now() },
			"priority: 40000 is not from":   func(n *store.New) { n.Priority = 40000 },
			"headers: are not JSON":         func(n *store.New) { n.Headers = "{" },
			"Queue: must not be empty":      func(n *store.New) { n.Queue = "" },
			"Service: must not be empty":    func(n *store.New) { n.Service = "" },
			"ContentType: has 300 bytes":    func(n *store.New) { n.ContentType = strings.Repeat("x", 300) },
			"CorrelationID: has 1000 bytes": func(n *store.New) { n.CorrelationID = strings.Repeat("x", 1000) },
		} {
			n := good
			spoil(&n)
			if _, err := s.Insert(t.Context(), good, n); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %q", err, want)
			}
		}
		if found, err := s.List(t.Context(), store.Filter{}); err != nil || len(found) > 0 {
			t.Errorf("inserted %v, %v", found, err)
		}
	})
}

// TestTextsOfErrors checks that every text of an error can be stored, truncated.
func TestTextsOfErrors(t *testing.T) {
	eachDatabase(t, func(t *testing.T, open open) {
		s := migrated(t, open)
		fill(t, s, 1, "queue")
		j := claimOne(t, s)
		end := store.End{
			ID: j.ID, Owner: "ann", Attempt: 1, State: store.Failed, Kind: store.KindFault,
			Error: "a\x00b\xffc" + strings.Repeat("é", 40_000), Stack: strings.Repeat("s", 100_000),
		}
		if counted, err := s.Finish(t.Context(), end); err != nil || !counted[0] {
			t.Fatal(counted, err)
		}
		attempts, err := s.Attempts(t.Context(), j.ID)
		if err != nil || len(attempts) != 1 {
			t.Fatal(attempts, err)
		}
		a := attempts[0]
		if !strings.HasPrefix(a.Error, "a�b�cé") || len(a.Error) > 64<<10+3 || len(a.Stack) > 64<<10+3 || len(a.Stack) < 60_000 {
			t.Errorf("got %.20q (%d bytes), stack of %d bytes", a.Error, len(a.Error), len(a.Stack))
		}
	})
}

func claimOne(t *testing.T, s *store.Store) store.Job {
	t.Helper()
	jobs, err := s.Claim(t.Context(), store.Claim{Owner: "ann", Queue: "queue", Limit: 1, Lease: time.Minute})
	if err != nil || len(jobs) != 1 {
		t.Fatal(jobs, err)
	}
	return jobs[0]
}

// TestMistakesOfCallers checks the errors for invalid arguments.
func TestMistakesOfCallers(t *testing.T) {
	s := migrated(t, openSQLite)
	claim := store.Claim{Owner: "ann", Queue: "queue", Limit: 1, Lease: time.Minute}
	for want, spoil := range map[string]func(*store.Claim){
		"needs an Owner":             func(c *store.Claim) { c.Owner = "" },
		"Limit must be from 1 to":    func(c *store.Claim) { c.Limit = 501 },
		"Lease must be positive":     func(c *store.Claim) { c.Lease = 0 },
		"needs an Owner and a Queue": func(c *store.Claim) { c.Queue = "" },
	} {
		c := claim
		spoil(&c)
		if _, err := s.Claim(t.Context(), c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	for want, end := range map[string]store.End{
		`cannot end with state "running"`: {ID: "1", State: store.Running},
		`state queued has no hook`:        {ID: "1", State: store.Queued, Hook: true},
	} {
		if _, err := s.Finish(t.Context(), end); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if err := s.SetProgress(t.Context(), "1", "ann", 1, 1.5, ""); err == nil || !strings.Contains(err.Error(), "from 0 to 1") {
		t.Errorf("got %v", err)
	}
	if _, err := s.Retry(t.Context(), "nothing", nil); !errors.Is(err, store.ErrNotFound) || !strings.Contains(err.Error(), "nothing") {
		t.Errorf("got %v", err)
	}
	var tx *sql.Tx
	if inserted, err := s.InsertTx(t.Context(), tx); err != nil || inserted != nil { // no jobs: no statement
		t.Errorf("got %v, %v", inserted, err)
	}
}
