package store_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gomeko/gomeko/jobs/store"
)

// keyed returns a job with a unique key.
func keyed(id, key string, d time.Duration) store.New {
	return store.New{ID: id, Service: "images", Name: "resize", Queue: "queue", Terms: store.Terms{UniqueKey: key, UniqueFor: d}}
}

// TestUniqueKeys checks which job holds a key until when, and the result of inserting another one.
func TestUniqueKeys(t *testing.T) {
	eachDatabase(t, func(t *testing.T, open open) {
		s := migrated(t, open)
		c := setClock(t, s)
		insert := func(n store.New, want store.Inserted) {
			t.Helper()
			if got, err := s.Insert(t.Context(), n); err != nil || got[0] != want {
				t.Fatalf("got %+v, %v, want %+v", got, err, want)
			}
		}
		end := func(id string) {
			t.Helper()
			j := claimOne(t, s)
			counted, err := s.Finish(t.Context(), store.End{ID: id, Owner: j.Owner, Attempt: j.Attempt, State: store.Succeeded})
			if err != nil || !counted[0] {
				t.Fatalf("%s: %v, %v", id, counted, err)
			}
		}
		insert(keyed("1", "a", 0), store.Inserted{ID: "1", Added: true})
		insert(keyed("2", "a", 0), store.Inserted{ID: "1"})
		insert(keyed("2", "b", time.Minute), store.Inserted{ID: "2", Added: true})
		end("1")
		end("2")
		insert(keyed("3", "a", 0), store.Inserted{ID: "3", Added: true})
		insert(keyed("4", "b", 0), store.Inserted{ID: "2"})
		var state *store.StateError
		if _, err := s.Retry(t.Context(), "1", nil); !errors.As(err, &state) || !strings.Contains(err.Error(), "job 3 has its unique key a") {
			t.Fatalf("retried beside the job of its key: %v", err)
		}
		c.advance(t, time.Minute)
		insert(keyed("4", "b", 0), store.Inserted{ID: "4", Added: true})
		if _, err := s.Cancel(t.Context(), "3"); err != nil {
			t.Fatal(err)
		}
		if j, err := s.Retry(t.Context(), "1", nil); err != nil || j.UniqueKey != "a" {
			t.Fatalf("got %+v, %v", j, err)
		}
		insert(keyed("5", "a", 0), store.Inserted{ID: "1"})
		other := keyed("6", "a", 0)
		other.Name = "crop"
		insert(other, store.Inserted{ID: "6", Added: true})
	})
}

// TestUniqueKeysInTransaction checks that a job holds its key from the commit of its transaction.
func TestUniqueKeysInTransaction(t *testing.T) {
	eachDatabase(t, func(t *testing.T, open open) {
		s := migrated(t, open)
		insert := func(commit bool, want []store.Inserted, news ...store.New) {
			t.Helper()
			tx, err := s.Pool().BeginTx(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer tx.Rollback()
			got, err := s.InsertTx(t.Context(), struct{ store.Executor }{tx}, news...)
			if err != nil || !slices.Equal(got, want) {
				t.Fatalf("got %+v, %v, want %+v", got, err, want)
			}
			if commit {
				if err := tx.Commit(); err != nil {
					t.Fatal(err)
				}
			}
		}
		insert(false, []store.Inserted{{ID: "1", Added: true}, {ID: "1"}}, keyed("1", "a", 0), keyed("2", "a", 0))
		insert(true, []store.Inserted{{ID: "2", Added: true}}, keyed("2", "a", 0))
		insert(true, []store.Inserted{{ID: "3", Added: true}, {ID: "2"}, {ID: "2"}}, keyed("3", "b", 0), keyed("4", "a", 0), keyed("2", "c", 0))
		stale := keyed("5", "d", 0)
		stale.Version = "old"
		insert(true, []store.Inserted{{ID: "5", Stale: true}}, stale)
	})
}

// TestUniqueKeysAtOnce inserts jobs with few keys in goroutines of two stores, while workers run
// them. At no time are there two jobs with a key, and each insertion returns a job with its key.
func TestUniqueKeysAtOnce(t *testing.T) {
	const inserters, each, keys = 4, 18, 3
	eachDatabase(t, func(t *testing.T, open open) {
		first := migrated(t, open)
		stores := []*store.Store{first, again(t, first)}
		done, inserted := make(chan struct{}), make(chan struct{}, 1)
		var inserting, working sync.WaitGroup
		for w := range inserters {
			s := stores[w%2]
			inserting.Go(func() {
				for i := range each {
					key := fmt.Sprint("k", i%keys)
					news := []store.New{keyed(fmt.Sprintf("%d-%d", w, i), key, 0)}
					if i%3 == 0 { // several keys in the order of the caller
						news = append(news, keyed(fmt.Sprintf("%d-%d-more", w, i), fmt.Sprint("k", (i+w)%keys), 0))
					}
					got, err := s.Insert(t.Context(), news...)
					select {
					case inserted <- struct{}{}:
					default:
					}
					if report(t, err); err != nil {
						return
					}
					found, err := s.Get(t.Context(), got[0].ID)
					if report(t, err); err == nil && (len(found) != 1 || found[0].UniqueKey != key) {
						t.Errorf("got %+v for key %s: %+v", got, key, found)
					}
				}
			})
		}
		var mutex sync.Mutex
		running := map[string]int{}
		for w := range 2 {
			s := stores[w%2]
			working.Go(func() {
				for last := false; ; {
					claimed, err := s.Claim(t.Context(), store.Claim{Owner: fmt.Sprint(w), Queue: "queue", Limit: 2, Lease: time.Minute})
					if report(t, err); err != nil || last && len(claimed) == 0 {
						return
					}
					for _, step := range []int{1, -1} {
						mutex.Lock()
						for _, j := range claimed {
							if running[j.UniqueKey] += step; running[j.UniqueKey] > 1 {
								t.Errorf("two jobs of key %s run", j.UniqueKey)
							}
						}
						mutex.Unlock()
					}
					report(t, end(t, s, fmt.Sprint(w), claimed))
					select {
					case <-inserted:
					case <-done:
						last = true
					}
				}
			})
		}
		inserting.Wait()
		close(done)
		working.Wait()
	})
}

// TestResourcesAtOnce runs the jobs of four resources in three queues, with workers on two stores.
// Some jobs are retried and some are lost. No two jobs of a resource run at once, and they begin in
// the order of their numbers.
func TestResourcesAtOnce(t *testing.T) {
	const workers, all, resources = 4, 60, 4
	eachDatabase(t, func(t *testing.T, open open) {
		first := migrated(t, open)
		stores := []*store.Store{first, again(t, first)}
		var news []store.New
		for i := range all {
			news = append(news, store.New{
				ID: fmt.Sprint(i), Service: "images", Name: []string{"resize", "crop"}[i%2], Queue: fmt.Sprint("queue", i%3),
				Terms: store.Terms{Resource: fmt.Sprint("r", i%resources)},
			})
		}
		if _, err := first.Insert(t.Context(), news...); err != nil {
			t.Fatal(err)
		}
		var mutex sync.Mutex
		running := map[string]bool{}
		done := map[string][]int64{}
		left := all
		note := func(j *store.Job, runs, final bool) {
			mutex.Lock()
			defer mutex.Unlock()
			if runs && running[j.Resource] {
				t.Errorf("two jobs of %s run", j.Resource)
			}
			if running[j.Resource] = runs; final {
				done[j.Resource] = append(done[j.Resource], j.Seq)
				left--
			}
		}
		remain := func() bool { mutex.Lock(); defer mutex.Unlock(); return left > 0 && !t.Failed() }
		var wait sync.WaitGroup
		for w := range workers {
			s := stores[w%2]
			owner := fmt.Sprint(w)
			wait.Go(func() {
				for n := w; remain(); n++ {
					c := store.Claim{Owner: owner, Queue: fmt.Sprint("queue", n%3), Limit: 1 + w%3, Lease: time.Minute, Resources: true}
					if w%2 == 0 {
						c.Except = []string{"none"}
					}
					claimed, err := s.Claim(t.Context(), c)
					report(t, err)
					for i := range claimed {
						note(&claimed[i], true, false)
					}
					for i := range claimed {
						j := &claimed[i]
						e := store.End{ID: j.ID, Owner: owner, Attempt: j.Attempt, State: store.Succeeded, Resource: j.Resource}
						switch {
						case j.Attempt == 1 && j.Seq%5 == 0:
							e.State, e.Kind, e.In = store.Scheduled, store.KindFault, 2*time.Millisecond
						case j.Attempt == 1 && j.Seq%13 == 0: // its worker dies
							note(j, false, false)
							exec(t.Context(), t, s.Pool(), fmt.Sprintf(`UPDATE gomeko_job SET sweep_at = created_at WHERE seq = %d`, j.Seq))
							continue
						}
						note(j, false, e.State.Final())
						counted, err := s.Finish(t.Context(), e)
						if report(t, err); err == nil && !counted[0] {
							t.Errorf("job %s is lost", j.ID)
						}
					}
					_, err = s.Sweep(t.Context(), store.Sweep{})
					report(t, err)
				}
			})
		}
		wait.Wait()
		for resource, seqs := range done {
			if !slices.IsSorted(seqs) {
				t.Errorf("%s: ended in the order %v", resource, seqs)
			}
		}
	})
}

// TestBlockedJobsWakeNobody checks for which jobs the sweeper wakes workers: for the first in the
// line, not for the others.
func TestBlockedJobsWakeNobody(t *testing.T) {
	eachDatabase(t, func(t *testing.T, open open) {
		s := migrated(t, open)
		c := setClock(t, s)
		var news []store.New
		for i := range 4 {
			news = append(news, store.New{ID: fmt.Sprint(i), Service: "images", Name: "resize", Queue: "queue", Terms: store.Terms{Resource: "r"}})
		}
		if _, err := s.Insert(t.Context(), news...); err != nil {
			t.Fatal(err)
		}
		sweep := func(want ...string) {
			t.Helper()
			got, err := s.Sweep(t.Context(), store.Sweep{})
			if err != nil || !slices.Equal(idsOf(got.Nudge), want) {
				t.Fatalf("got %v, %v, want %v", idsOf(got.Nudge), err, want)
			}
		}
		sweep("0")
		claimed, err := s.Claim(t.Context(), store.Claim{Owner: "ann", Queue: "queue", Limit: 4, Lease: time.Hour, Resources: true})
		if err != nil || len(claimed) != 1 || claimed[0].ID != "0" {
			t.Fatalf("got %+v, %v", claimed, err)
		}
		c.advance(t, 10*time.Minute)
		sweep()
		counted, next, err := s.FinishNext(t.Context(), store.End{ID: "0", Owner: "ann", Attempt: 1, State: store.Succeeded, Resource: "r"})
		if err != nil || !counted[0] || !slices.Equal(idsOf(next), []string{"1"}) {
			t.Fatalf("got %v, %v, %v", counted, next, err)
		}
		sweep() // the worker that has ended the job wakes one
		c.advance(t, time.Second)
		sweep("1")
		if _, err := s.Cancel(t.Context(), "1"); err != nil {
			t.Fatal(err)
		}
		sweep("1", "2") // a hook may be due
	})
}

// TestSuspectsOfResources checks that jobs in danger also wait for their resource.
func TestSuspectsOfResources(t *testing.T) {
	eachDatabase(t, func(t *testing.T, open open) {
		s := migrated(t, open)
		for _, id := range []string{"1", "2"} {
			if _, err := s.Insert(t.Context(), store.New{ID: id, Service: "images", Name: "resize", Queue: "queue", Terms: store.Terms{Resource: "r"}}); err != nil {
				t.Fatal(err)
			}
		}
		exec(t.Context(), t, s.Pool(), `UPDATE gomeko_job SET deaths = 2`)
		c := store.Claim{Owner: "ann", Queue: "queue", Limit: 2, Lease: time.Minute, Deaths: 2, Resources: true}
		for _, want := range [][]string{{"1"}, nil} {
			if got, err := s.Claim(t.Context(), c); err != nil || len(got) > 0 {
				t.Fatalf("claimed %v, %v", idsOf(got), err)
			}
			if got, err := s.ClaimSuspects(t.Context(), c); err != nil || !slices.Equal(idsOf(got), want) {
				t.Fatalf("got %v, %v, want %v", idsOf(got), err, want)
			}
		}
		if _, err := s.Finish(t.Context(), store.End{ID: "1", Owner: "ann", Attempt: 1, State: store.Succeeded, Resource: "r"}); err != nil {
			t.Fatal(err)
		}
		if got, err := s.ClaimSuspects(t.Context(), c); err != nil || !slices.Equal(idsOf(got), []string{"2"}) {
			t.Fatalf("got %v, %v", idsOf(got), err)
		}
	})
}
