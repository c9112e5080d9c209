package sqlite_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/gomeko/gomeko/jobs/sqlite"
	"github.com/gomeko/gomeko/jobs/store"
)

// A program that may create its tables at start calls Migrate; one that must not calls Check.
func ExampleOpen() {
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
	fmt.Println(s.Check(ctx) != nil)
	if _, _, err := s.Migrate(ctx); err != nil {
		log.Fatal(err)
	}
	fmt.Println(s.Check(ctx))

	_, err = s.Insert(ctx, store.New{
		ID: "1", Service: "images", Name: "resize", Queue: "gomeko.jobs.images", Payload: []byte(`{"args": ["a.png"], "kwargs": {}}`),
	})
	if err != nil {
		log.Fatal(err)
	}
	jobs, err := s.List(ctx, store.Filter{Service: "images"})
	if err != nil {
		log.Fatal(err)
	}
	for _, j := range jobs {
		fmt.Println(j.ID, j.Name, j.State)
	}
	// Output:
	// true
	// <nil>
	// 1 resize queued
}
