package panel_test

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/jobs/postgres"
	"github.com/gomeko/gomeko/jobs/sqlite"
	"github.com/gomeko/gomeko/jobs/store"
	"github.com/gomeko/gomeko/panel"
)

// newStore opens a store of jobs in a separate database.
func newStore(t *testing.T, dialect string) *store.Store {
	t.Helper()
	var jobs *store.Store
	var err error
	if dialect == "postgres" {
		jobs, err = postgres.Open(t.Context(), hosttest.Schema(t))
	} else {
		jobs, err = sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "jobs.db"))
	}
	if err == nil {
		t.Cleanup(func() { jobs.Close() })
		_, _, err = jobs.Migrate(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	return jobs
}

// insert inserts jobs.
func insert(t *testing.T, jobs *store.Store, all ...store.New) {
	t.Helper()
	if _, err := jobs.Insert(t.Context(), all...); err != nil {
		t.Fatal(err)
	}
}

// TestJobs lists jobs, shows one, cancels it and retries it, on both databases.
func TestJobs(t *testing.T) {
	t.Parallel()
	for _, dialect := range []string{"sqlite", "postgres"} {
		t.Run(dialect, func(t *testing.T) {
			jobs := newStore(t, dialect)
			s := newStage(t, panel.Config{Jobs: jobs}, nil, "")
			s.user("root")
			s.user("viewer", "operations/jobs")
			root, viewer := s.as("root"), s.as("viewer")
			root.get("/operations/jobs").want(http.StatusOK, "No jobs")
			if err := jobs.Host(t.Context(), store.Row{Service: "images", Name: "upload", Queue: "q"}, store.Row{Service: "users", Name: "invite", Queue: "q", Sensitive: true}); err != nil {
				t.Fatal(err)
			}
			insert(t, jobs,
				store.New{ID: "one", Service: "images", Name: "upload", Queue: "q", Payload: []byte(`{"args": ["cat.png"], "password": "hunter2"}`)},
				store.New{ID: "two", Service: "users", Name: "invite", Queue: "q", Payload: []byte(`{"args": ["hunter2"]}`)},
			)
			failJob(t, jobs, "bad picture", "refused hunter2")
			p := viewer.get("/operations/jobs").want(http.StatusOK, "users.invite failed just now 1 ").want(http.StatusOK, "images.upload failed just now 1 bad picture")
			p.lacks("hunter2")
			viewer.get("/operations/jobs?state=failed&service=images").want(http.StatusOK, "images.upload").lacks("users.invite")
			viewer.get("/operations/jobs?state=running").want(http.StatusOK, "No jobs")
			viewer.get("/operations/jobs?name=invite&state=nonsense").want(http.StatusOK, "users.invite")

			p = viewer.get("/operations/jobs/job?id=one").want(http.StatusOK, "cat.png").want(http.StatusOK, "Error Bad: bad picture").want(http.StatusOK, "1: fault just now on here bad picture goroutine 7")
			p.lacks("hunter2")
			p.lacks("Retry")
			viewer.get("/operations/jobs/job?id=two").want(http.StatusOK, "Its contents are not shown: its arguments are sensitive.").lacks("hunter2")
			viewer.get("/operations/jobs/job?id=three").want(http.StatusNotFound, "There is no such job")
			viewer.post("/operations/jobs/retry", form("id", "one")).want(http.StatusForbidden, "operations/jobs/change")

			root.post("/operations/jobs/retry", form("id", "one")).leadsTo("/operations/jobs/job?id=one")
			root.get("/operations/jobs/job?id=one").want(http.StatusOK, "The job is queued again.").want(http.StatusOK, "images.upload queued")
			root.post("/operations/jobs/retry", form("id", "one")).want(http.StatusConflict, "Cannot retry job one")
			root.post("/operations/jobs/cancel", form("id", "one")).want(http.StatusOK, "Cancel the job?")
			root.post("/operations/jobs/cancel", form("id", "one", "confirm", "yes")).leadsTo("/operations/jobs/job?id=one")
			root.get("/operations/jobs/job?id=one").want(http.StatusOK, "images.upload cancelled")
			root.post("/operations/jobs/cancel", form("id", "two", "confirm", "yes")).want(http.StatusConflict, "Cannot cancel job two")
			root.post("/operations/jobs/cancel", form("id", "three", "confirm", "yes")).want(http.StatusNotFound, "There is no such job")
			want := []string{"root images.upload map[job:one] cannot retry job one", "root images.upload map[job:one]", "viewer  map[] It needs the group operations/jobs/change"}
			for i, got := range s.audit("job.retry") {
				if !strings.HasPrefix(got, want[i]) {
					t.Errorf("got %s, want %s", got, want[i])
				}
			}
			if got := s.audit("job.cancel"); len(got) != 2 || got[1] != "root images.upload map[job:one]" {
				t.Errorf("got %q", got)
			}
			jobs.Close()
			for _, path := range []string{"/operations/jobs", "/operations/jobs/job?id=one"} {
				root.get(path).want(http.StatusServiceUnavailable, "The store of jobs is away")
			}
		})
	}
}

// failJob claims all jobs and fails them with these errors.
func failJob(t *testing.T, jobs *store.Store, texts ...string) {
	t.Helper()
	claimed, err := jobs.Claim(t.Context(), store.Claim{Owner: "worker", Host: "here", Queue: "q", Limit: 500, Lease: time.Minute})
	if err != nil || len(claimed) != len(texts) {
		t.Fatalf("claimed %d jobs: %v", len(claimed), err)
	}
	for i, j := range claimed {
		_, err := jobs.Finish(t.Context(), store.End{ID: j.ID, Owner: "worker", Attempt: 1, State: store.Failed, ErrorType: "Bad", Error: texts[i], Kind: store.KindFault, Stack: "goroutine 7"})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestHostileJobs shows many jobs, which try to inject scripts into the pages.
func TestHostileJobs(t *testing.T) {
	t.Parallel()
	jobs := newStore(t, "sqlite")
	s := newStage(t, panel.Config{Jobs: jobs}, nil, "")
	s.user("root")
	root := s.as("root")
	clean := func(x string) string { return strings.ReplaceAll(x, "\x00", "") }
	var all []store.New
	var texts []string
	for i, x := range payloads {
		x = clean(x)
		all = append(all, store.New{ID: fmt.Sprint(x, i), Service: x, Name: x, Queue: "q", Payload: []byte(x)})
		if err := jobs.Host(t.Context(), store.Row{Service: x, Name: x, Queue: "q"}); err != nil {
			t.Fatal(err)
		}
		texts = append(texts, x+strings.Repeat("<b>", 50_000))
	}
	insert(t, jobs, all...)
	failJob(t, jobs, texts...)
	root.get("/operations/jobs").harmless().atMost(100_000).want(http.StatusOK, "onerror")
	for i, x := range payloads {
		x = clean(x)
		root.get("/operations/jobs/job?id="+urlEscape(fmt.Sprint(x, i))).harmless().atMost(1_000_000).want(http.StatusOK, "Error")
		root.get("/operations/jobs?service="+urlEscape(x)+"&name="+urlEscape(x)+"&state="+urlEscape(x)+"&before="+urlEscape(x)).harmless().want(http.StatusOK, "")
	}
	all = nil
	for i := range 350 {
		all = append(all, store.New{ID: fmt.Sprint("many", i), Service: "many", Name: "job", Queue: "other"})
	}
	insert(t, jobs, all...)
	seen := map[string]bool{}
	path, pages := "/operations/jobs?service=many", 0
	for ; path != ""; pages++ {
		p := root.get(path).atMost(300_000)
		for i := range all {
			if strings.Contains(p.body, fmt.Sprintf("id=many%d\"", i)) {
				seen[all[i].ID] = true
			}
		}
		path = p.next()
	}
	if pages != 4 || len(seen) != len(all) {
		t.Errorf("%d pages with %d jobs, want 4 with %d", pages, len(seen), len(all))
	}
}
