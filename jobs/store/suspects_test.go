package store_test

import (
	"slices"
	"testing"
	"time"

	"github.com/gomeko/gomeko/jobs/store"
)

// TestClaimSuspects checks that claims distinguish jobs by the number of workers that died with
// them.
func TestClaimSuspects(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, open open) {
		s := migrated(t, open)
		clock := setClock(t, s)
		insert := func(ids ...string) {
			for _, id := range ids {
				if _, err := s.Insert(t.Context(), store.New{ID: id, Service: "images", Name: id, Queue: "q"}); err != nil {
					t.Fatal(err)
				}
			}
		}
		claim := store.Claim{Owner: "ann", Queue: "q", Limit: 10, Lease: time.Minute}
		insert("twice", "again")
		for range 2 {
			if all, err := s.Claim(t.Context(), claim); err != nil || len(all) != 2 {
				t.Fatalf("got %+v, %v", all, err)
			}
			clock.advance(t, 2*time.Minute)
			if _, err := s.Sweep(t.Context(), store.Sweep{}); err != nil {
				t.Fatal(err)
			}
		}
		insert("new")
		claim.Deaths = 2
		ids := func(all []store.Job, err error) (ids []string) {
			if err != nil {
				t.Fatal(err)
			}
			for _, j := range all {
				ids = append(ids, j.ID)
			}
			return ids
		}
		if got := ids(s.Claim(t.Context(), claim)); !slices.Equal(got, []string{"new"}) {
			t.Errorf("got %q claimed with fewer deaths, want new", got)
		}
		claim.Limit = 1
		claim.Except = []string{"twice"}
		if got := ids(s.ClaimSuspects(t.Context(), claim)); !slices.Equal(got, []string{"again"}) {
			t.Errorf("got %q claimed, want again", got)
		}
		claim.Except = nil
		for _, want := range [][]string{{"twice"}, nil} {
			if got := ids(s.ClaimSuspects(t.Context(), claim)); !slices.Equal(got, want) {
				t.Errorf("got %q claimed, want %q", got, want)
			}
		}
		claim.Deaths = -1
		if _, err := s.ClaimSuspects(t.Context(), claim); err == nil {
			t.Error("got no error for Deaths -1")
		}
	})
}
