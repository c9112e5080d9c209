package store_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gomeko/gomeko/jobs/store"
)

// TestInsertAtOnce inserts single jobs concurrently, each twice. A job that the database rejects,
// and one whose caller has gone, do not affect the others.
func TestInsertAtOnce(t *testing.T) {
	eachDatabase(t, func(t *testing.T, open open) {
		s := migrated(t, open)
		const jobs = 100
		gone, leave := context.WithCancel(t.Context())
		leave()
		var added, refused atomic.Int64
		var callers sync.WaitGroup
		for i := range 2 * jobs {
			callers.Go(func() {
				ctx, n := t.Context(), store.New{ID: fmt.Sprint(i % jobs), Service: "images", Name: "resize", Queue: "queue"}
				switch i % jobs {
				case 10:
					n.At = time.UnixMicro(1<<63 - 1) // not a time that PostgreSQL can store
				case 20:
					ctx = gone
				}
				switch got, err := s.Insert(ctx, n); {
				case err != nil:
					refused.Add(1)
				case got[0].Added:
					added.Add(1)
				}
			})
		}
		callers.Wait()
		var found int64
		all, err := s.Counts(t.Context())
		for _, c := range all {
			found += c.Jobs
		}
		// SQLite stores any time.
		if n := added.Load(); err != nil || n != jobs-2 && n != jobs-1 || refused.Load() != 2*(jobs-n) || found != n {
			t.Errorf("%d were added, %d refused, %d are there: %v", added.Load(), refused.Load(), found, err)
		}
	})
}

// TestInsertMissing inserts jobs some of which are in the store.
func TestInsertMissing(t *testing.T) {
	eachDatabase(t, func(t *testing.T, open open) {
		s := migrated(t, open)
		for _, step := range []struct {
			ids  []string
			want []bool
		}{
			{[]string{"1", "2"}, []bool{true, true}},
			{[]string{"2", "3", "3", "1"}, []bool{false, true, false, false}},
			{[]string{"1"}, []bool{false}},
		} {
			var jobs []store.New
			for _, id := range step.ids {
				jobs = append(jobs, store.New{ID: id, Service: "images", Name: "resize", Queue: "queue"})
			}
			if inserted, err := s.InsertMissing(t.Context(), jobs...); err != nil || !slices.Equal(added(inserted), step.want) {
				t.Fatalf("%v: got %v, %v", step.ids, inserted, err)
			}
		}
		found, err := s.Get(t.Context(), "1", "2", "3")
		if err != nil || len(found) != 3 {
			t.Errorf("got %+v, %v", found, err)
		}
	})
}
