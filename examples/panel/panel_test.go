package panel_test

import (
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/examples/panel"
	"github.com/gomeko/gomeko/examples/shop"
	"github.com/gomeko/gomeko/fleet"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/jobs"
	"github.com/gomeko/gomeko/jobs/sqlite"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/servicetest"
)

// A visitor is a browser in which a user has logged in.
type visitor struct {
	*testing.T
	*http.Client
	url string
}

// visit logs a user in with the password that the example has printed.
func visit(t *testing.T, printed, name string) *visitor {
	t.Helper()
	address := regexp.MustCompile(`http://\S+`).FindString(printed)
	password := regexp.MustCompile(name + ` +password (\S+)`).FindStringSubmatch(printed)
	if address == "" || password == nil {
		t.Fatalf("printed: %s", printed)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	v := &visitor{t, &http.Client{Jar: jar}, address}
	t.Cleanup(v.CloseIdleConnections)
	v.post("/login", url.Values{"name": {name}, "password": {password[1]}}, http.StatusOK)
	return v
}

// read returns the text of a page and its address after redirects.
func (v *visitor) read(r *http.Response, err error, status int) (text, address string) {
	v.Helper()
	if err != nil {
		v.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		v.Fatal(err)
	}
	if r.StatusCode != status {
		v.Fatalf("%s: got %s, want %d: %s", r.Request.URL, r.Status, status, body)
	}
	return string(body), r.Request.URL.Path
}

func (v *visitor) get(path string, status int) string {
	v.Helper()
	r, err := v.Get(v.url + path)
	text, _ := v.read(r, err, status)
	return text
}

func (v *visitor) post(path string, form url.Values, status int) (text, address string) {
	v.Helper()
	r, err := v.PostForm(v.url+path, form)
	return v.read(r, err, status)
}

var hidden = regexp.MustCompile(`type="hidden" name="([^"]+)" value="([^"]*)"`)

// start fills in the form of a row, confirms if the row asks, and returns the path of the run.
func (v *visitor) start(row string, form url.Values) string {
	v.Helper()
	page, address := v.get("/services/"+row, http.StatusOK), ""
	for range 2 {
		for _, m := range hidden.FindAllStringSubmatch(page, -1) {
			form.Set(m[1], html.UnescapeString(m[2]))
		}
		if page, address = v.post("/services/"+row, form, http.StatusOK); strings.HasPrefix(address, "/runs/") {
			return address
		}
	}
	v.Fatalf("%s: no run: %s", row, page)
	return ""
}

// follow waits until the page of a run contains a text.
func (v *visitor) follow(run, text string) {
	v.Helper()
	hosttest.Eventually(v.T, run+" says "+text, func() bool { return strings.Contains(v.get(run, http.StatusOK), text) })
}

// TestPanel tries what doc.go describes.
func TestPanel(t *testing.T) {
	folder := t.TempDir()
	store, err := sqlite.Open(t.Context(), filepath.Join(folder, "jobs.db"))
	if err == nil {
		t.Cleanup(func() { store.Close() })
		_, _, err = store.Migrate(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	var printed strings.Builder
	servicetest.New(t, panel.New("127.0.0.1:0", filepath.Join(folder, "panel.db"), &printed),
		fx.Invoke(func(j *shop.Journal) { j.Step = 0 }),
		service.Configure(jobs.Config{Store: store}), service.Configure(fleet.Control(fleet.ControlConfig{})))
	ann, bob, root := visit(t, printed.String(), "ann"), visit(t, printed.String(), "bob"), visit(t, printed.String(), "root")

	hosttest.Eventually(t, "the panel knows the shop", func() bool { return strings.Contains(ann.get("/", http.StatusOK), "Import products") })
	ann.follow(ann.start("products/Import", url.Values{}), "Succeeded")
	ann.follow(ann.start("indexer/Index", url.Values{}), "Succeeded")
	ann.follow(ann.start("books/Sales", url.Values{"/period/year": {"2025"}, "/period/quarter": {"Q2"}}), "Kettles")
	refund := ann.start("books/Refund", url.Values{"/order": {"4711"}})
	ann.follow(refund, "the bank has refused the refund")

	if page := bob.get("/services/products/Prices", http.StatusForbidden); !strings.Contains(page, "It needs the group shop/products, and you are not in it.") {
		t.Errorf("bob: %s", page)
	}
	if page := ann.get("/operations/jobs", http.StatusOK); !strings.Contains(page, "books.refund") {
		t.Errorf("ann: %s", page)
	}
	ann.get("/operations/queues", http.StatusForbidden)
	for _, path := range []string{"services", "health", "queues", "dead", "timers", "jobs", "audit", "configuration"} {
		root.get("/operations/"+path, http.StatusOK)
	}
	if page := root.get("/operations/timers", http.StatusOK); !strings.Contains(page, "indexer.Index") {
		t.Errorf("root: %s", page)
	}
	fmt.Fprintln(t.Output(), printed.String())
}
