package store_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/gomeko/gomeko/jobs/sqlite"
	"github.com/gomeko/gomeko/jobs/store"
)

// A job from its insertion to its end. Package jobs does this for services.
func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "jobs")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	s, err := sqlite.Open(ctx, filepath.Join(dir, "jobs.db"))
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	if _, _, err := s.Migrate(ctx); err != nil {
		log.Fatal(err)
	}

	inserted, err := s.Insert(ctx,
		store.New{ID: "1", Service: "images", Name: "resize", Queue: "gomeko.jobs.images"},
		store.New{ID: "2", Service: "images", Name: "resize", Queue: "gomeko.jobs.images", Priority: 5},
		store.New{ID: "1", Service: "images", Name: "resize", Queue: "gomeko.jobs.images"}, // its message was duplicated
	)
	fmt.Println(inserted, err)

	claimed, err := s.Claim(ctx, store.Claim{Owner: "worker-1", Host: "a.example.org", Queue: "gomeko.jobs.images", Limit: 1, Lease: time.Minute})
	if err != nil {
		log.Fatal(err)
	}
	job := claimed[0]
	fmt.Println(job.ID, job.State, job.Attempt)

	end := store.End{ID: job.ID, Owner: job.Owner, Attempt: job.Attempt, State: store.Succeeded, Result: []byte(`"done"`)}
	late := end
	late.Owner = "worker-2" // this worker has not claimed it
	counted, err := s.Finish(ctx, end, late)
	fmt.Println(counted, err)

	found, err := s.Get(ctx, "2", "1")
	if err != nil {
		log.Fatal(err)
	}
	for _, j := range found {
		fmt.Println(j.ID, j.State, string(j.Result))
	}
	// Output:
	// [{1 true false} {2 true false} {1 false false}] <nil>
	// 2 running 1
	// [true false] <nil>
	// 2 succeeded "done"
	// 1 queued
}
