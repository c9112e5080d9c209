package store_test

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gomeko/gomeko/jobs/store"
)

// BenchmarkJobs inserts, claims and finishes jobs, in batches, with several workers.
func BenchmarkJobs(b *testing.B) {
	for name, open := range map[string]open{"sqlite": openSQLite, "postgres": openPostgres} {
		if name == "postgres" && os.Getenv("GOMEKO_POSTGRES") == "" {
			continue
		}
		for _, size := range []int{1, 10, 100, 500} {
			for _, workers := range []int{1, 4} {
				b.Run(fmt.Sprintf("%s/batch=%d/workers=%d", name, size, workers), func(b *testing.B) {
					s := migrated(b, open)
					fill(b, s, b.N, "queue")
					b.ResetTimer()
					start := time.Now()
					var done atomic.Int64
					var wait sync.WaitGroup
					for w := range workers {
						wait.Go(func() {
							for done.Load() < int64(b.N) {
								done.Add(int64(work(b, s, fmt.Sprint(w), size)))
							}
						})
					}
					wait.Wait()
					b.ReportMetric(float64(b.N)/time.Since(start).Seconds(), "jobs/s")
				})
			}
		}
	}
}

// fill inserts jobs.
func fill(b testing.TB, s *store.Store, n int, queue string) {
	for at := 0; at < n; at += 500 {
		var news []store.New
		for i := at; i < min(n, at+500); i++ {
			news = append(news, store.New{
				ID: fmt.Sprintf("2c761635-2139-48be-a697-%012d", i), Service: "images", Name: "resize", Queue: queue,
				Payload: []byte(`{"args":["https://example.org/a.png"],"kwargs":{"width":200}}`), ContentType: "application/json", Nudged: true,
			})
		}
		if _, err := s.Insert(b.Context(), news...); err != nil {
			b.Fatal(err)
		}
	}
}

// work claims and finishes jobs once, and returns their number.
func work(b testing.TB, s *store.Store, owner string, size int) int {
	jobs, err := s.Claim(b.Context(), store.Claim{Owner: owner, Host: "here", Queue: "queue", Limit: size, Lease: time.Minute})
	if err != nil {
		b.Error(err)
		return 1 << 30
	}
	var ends []store.End
	for _, j := range jobs {
		ends = append(ends, store.End{ID: j.ID, Owner: owner, Attempt: j.Attempt, State: store.Succeeded, Result: []byte(`{"width":200}`)})
	}
	if _, err := s.Finish(b.Context(), ends...); err != nil {
		b.Error(err)
	}
	return len(jobs)
}

// BenchmarkIdleRelay polls an empty outbox, as each process with an outbox does every second.
func BenchmarkIdleRelay(b *testing.B) {
	for name, open := range map[string]open{"sqlite": openSQLite, "postgres": openPostgres} {
		if name == "postgres" && os.Getenv("GOMEKO_POSTGRES") == "" {
			continue
		}
		b.Run(name, func(b *testing.B) {
			s := migrated(b, open)
			for b.Loop() {
				if d, err := s.Relay(b.Context(), store.Relay{Owner: "ann"}, nil); err != nil || d.Taken > 0 {
					b.Fatal(d, err)
				}
			}
		})
	}
}
