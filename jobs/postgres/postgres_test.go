package postgres_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/jobs/postgres"
	"github.com/gomeko/gomeko/jobs/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestModes performs each operation also without prepared statements, as behind a PgBouncer that
// does not support them.
func TestModes(t *testing.T) {
	url := hosttest.Schema(t)
	for _, mode := range []string{"cache_statement", "exec", "simple_protocol"} {
		t.Run(mode, func(t *testing.T) {
			s, err := postgres.Open(t.Context(), hosttest.WithParameter(url, "default_query_exec_mode="+mode))
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			// A database that other tests use may already have the tables, with jobs.
			if _, _, err := s.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
			all(t, s, uuid.NewString())
		})
	}
}

// all performs each operation once, in a separate queue.
func all(t *testing.T, s *store.Store, queue string) {
	t.Helper()
	ctx := t.Context()
	first, second := queue+"-1", queue+"-2"
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	added, err := s.Insert(ctx,
		store.New{ID: first, Service: "images", Name: "resize", Queue: queue, Payload: []byte{0, 255, '\''}, Headers: `{"a":"\\ü"}`},
		store.New{ID: second, Service: "images", Name: "crop", Queue: queue, At: time.Now().Add(time.Hour)})
	must(err)
	claimed, err := s.Claim(ctx, store.Claim{Owner: queue, Host: "here", Queue: queue, Names: []string{"resize", "crop"}, Limit: 10, Lease: time.Minute})
	must(err)
	if !added[0].Added || !added[1].Added || len(claimed) != 1 || string(claimed[0].Payload) != "\x00\xff'" || claimed[0].Headers != `{"a":"\\ü"}` {
		t.Fatalf("added %v, claimed %+v", added, claimed)
	}
	must(s.SetProgress(ctx, first, queue, 1, 0.5, "half"))
	renewed, err := s.Renew(ctx, queue, time.Minute, []string{first, second})
	must(err)
	_, err = s.Cancel(ctx, second)
	must(err)
	_, err = s.Sweep(ctx, store.Sweep{})
	must(err)
	counted, err := s.Finish(ctx,
		store.End{ID: first, Owner: queue, Attempt: 1, State: store.Failed, Kind: store.KindFault, Error: "no", Hook: true, HookLease: time.Minute},
		store.End{ID: second, Owner: queue, Attempt: 1, State: store.Succeeded})
	must(err)
	if len(renewed) != 1 || !counted[0] || counted[1] {
		t.Fatalf("renewed %v, finished %v", renewed, counted)
	}
	hooks, err := s.ClaimHooks(ctx, store.Claim{Owner: queue, Host: "here", Queue: queue, Except: []string{"resize"}, Limit: 10, Lease: time.Minute})
	must(err)
	if len(hooks) != 1 || hooks[0].ID != second {
		t.Fatalf("hooks %+v", hooks)
	}
	must(s.HookRan(ctx, first, queue))
	must(s.HookRan(ctx, second, queue))
	_, err = s.Retry(ctx, first, []byte("new"))
	must(err)
	attempts, err := s.Attempts(ctx, first)
	must(err)
	page, err := s.List(ctx, store.Filter{Queue: queue, States: []store.State{store.Queued, store.Cancelled}})
	must(err)
	if len(attempts) != 1 || len(page) != 2 {
		t.Fatalf("attempts %v, page %v", attempts, page)
	}
	_, err = s.Counts(ctx)
	must(err)
	_, err = s.Prune(ctx, time.Hour, 10)
	must(err)
}

// TestOpenMistakes checks the error for an unreachable URL, which must not contain the password.
func TestOpenMistakes(t *testing.T) {
	for url, want := range map[string]string{
		"postgres://ann:tiger@127.0.0.1:1/jobs?connect_timeout=5": "postgres://127.0.0.1/jobs",
		"postgres://ann:tiger@127.0.0.1:x/jobs":                   "postgres",
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		s, err := postgres.Open(ctx, url)
		cancel()
		if err == nil {
			s.Close()
			t.Errorf("%s was opened", url)
			continue
		}
		if strings.Contains(err.Error(), "tiger") || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s without the password", err, want)
		}
	}
}
