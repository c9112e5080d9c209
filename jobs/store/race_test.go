package store_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gomeko/gomeko/jobs/store"
)

// TestClaimsDoNotOverlap claims jobs with 16 workers on two stores of the same database, by name
// and without, while others renew, sweep and cancel. Each job runs once, and none is left.
func TestClaimsDoNotOverlap(t *testing.T) {
	const workers, all = 16, 500
	eachDatabase(t, func(t *testing.T, open open) {
		first := migrated(t, open)
		stores := []*store.Store{first, again(t, first)}
		fill(t, first, all, "queue")
		var mutex sync.Mutex
		ran := map[string]int{}
		var wait sync.WaitGroup
		for w := range workers {
			s := stores[w%2]
			c := store.Claim{Owner: fmt.Sprint(w), Host: "here", Queue: "queue", Limit: 1 + w, Lease: time.Minute}
			switch w % 4 {
			case 1:
				c.Names = []string{"resize"}
			case 2:
				c.Names = []string{"resize", "crop"}
			case 3:
				c.Except = []string{"crop"}
			}
			wait.Go(func() {
				for {
					claimed, err := s.Claim(t.Context(), c)
					if err != nil || len(claimed) == 0 {
						report(t, err)
						return
					}
					mutex.Lock()
					for _, j := range claimed {
						ran[j.ID]++
					}
					mutex.Unlock()
					report(t, end(t, s, c.Owner, claimed))
				}
			})
		}
		wait.Wait()
		doubles := maps.Clone(ran)
		maps.DeleteFunc(doubles, func(_ string, n int) bool { return n == 1 })
		if len(ran) != all || len(doubles) > 0 {
			t.Errorf("%d of %d jobs ran, these more than once: %v", len(ran), all, doubles)
		}
	})
}

// end renews the leases of claimed jobs while it finishes them in another order, and sweeps.
func end(t *testing.T, s *store.Store, owner string, claimed []store.Job) error {
	var ids []string
	var ends []store.End
	for _, j := range claimed {
		ids = append(ids, j.ID)
		ends = append(ends, store.End{ID: j.ID, Owner: owner, Attempt: j.Attempt, State: store.Failed, Kind: store.KindFault, Error: "no"})
	}
	slices.Reverse(ends)
	renewed := make(chan error)
	go func() {
		_, err := s.Renew(t.Context(), owner, time.Minute, ids)
		renewed <- err
	}()
	counted, err := s.Finish(t.Context(), ends...)
	if slices.Contains(counted, false) {
		err = fmt.Errorf("a job was lost: %v", counted)
	}
	_, swept := s.Sweep(t.Context(), store.Sweep{})
	return errors.Join(err, swept, <-renewed)
}

func report(t *testing.T, err error) {
	if err != nil {
		t.Error(err)
	}
}

// TestInsertsOfTheSameJobs inserts the same jobs in several processes and in different orders, as
// from duplicate messages. Each job is inserted once.
func TestInsertsOfTheSameJobs(t *testing.T) {
	const processes, all = 4, 200
	eachDatabase(t, func(t *testing.T, open open) {
		first := migrated(t, open)
		stores := []*store.Store{first, again(t, first)}
		inserted := make(chan int, processes)
		var wait sync.WaitGroup
		for p := range processes {
			wait.Go(func() {
				var news []store.New
				for i := range all {
					news = append(news, store.New{ID: fmt.Sprint((i*(2*p+1) + p) % all), Service: "images", Name: "resize", Queue: "queue"})
				}
				n := 0
				for part := range slices.Chunk(news, 50) {
					got, err := stores[p%2].Insert(t.Context(), part...)
					report(t, err)
					for _, x := range got {
						if x.Added {
							n++
						}
					}
				}
				inserted <- n
			})
		}
		wait.Wait()
		sum := 0
		for range processes {
			sum += <-inserted
		}
		if sum != all {
			t.Errorf("%d jobs were inserted %d times", all, sum)
		}
	})
}
