package shop_test

import (
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/examples/shop"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/jobs"
	"github.com/gomeko/gomeko/jobs/sqlite"
	"github.com/gomeko/gomeko/jobs/store"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/servicetest"
)

// TestShop starts processes from the control panel, all at once. Those that share a resource run
// one after another, in the order of the requests.
func TestShop(t *testing.T) {
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "jobs.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	if _, _, err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	var journal *shop.Journal
	h := servicetest.New(t, shop.Module, fx.Populate(&journal), service.Configure(jobs.Config{Store: db}))
	requests := []string{
		"products/import", "products/index", "products/prices?test_only=true", "products/index", "products/import",
		"availability/update?send_email=true", "availability/update", "images/upload", "feeds/generate",
	}
	for _, path := range requests {
		r, err := h.HTTP().Post("http://panel/"+path, "", nil)
		if err != nil {
			t.Fatal(err)
		}
		if r.Body.Close(); r.StatusCode != http.StatusAccepted {
			t.Fatalf("%s: %s", path, r.Status)
		}
	}
	hosttest.Eventually(t, "all jobs have ended", func() bool {
		all, err := db.List(t.Context(), store.Filter{States: []store.State{store.Succeeded, store.Failed}})
		return err == nil && len(all) == len(requests)
	})
	hosttest.Eventually(t, "the email is sent", func() bool { return slices.Contains(journal.Lines(), "email about update") })
	var products []string
	for _, line := range journal.Lines() {
		if what, ok := strings.CutPrefix(line, "products: "); ok {
			products = append(products, what)
		}
	}
	if want := []string{"import", "index", "prices (test only)", "index", "import"}; !slices.Equal(products, want) {
		t.Errorf("got %q, want %q", products, want)
	}
	if lines := journal.Lines(); len(lines) != len(requests)+1 { // the email
		t.Errorf("got %q", lines)
	}
}

// TestTwoAtOnce checks that the journal notices when two jobs use a resource at once.
func TestTwoAtOnce(t *testing.T) {
	j := shop.NewJournal()
	failed := make(chan error, 2)
	for range 2 {
		go func() { failed <- j.Work(t.Context(), "products", "import", false) }()
	}
	one, two := <-failed, <-failed
	if (one == nil) == (two == nil) {
		t.Errorf("got %v and %v", one, two)
	}
}
