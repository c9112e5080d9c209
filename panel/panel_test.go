package panel_test

import (
	"database/sql"
	"errors"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/internal/postgres"
	"github.com/gomeko/gomeko/internal/sqlite"
	"github.com/gomeko/gomeko/panel"
	"github.com/gomeko/gomeko/panel/account"
	"github.com/gomeko/gomeko/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const password = "correct horse battery"

// A stage is a panel with its users and its database.
type stage struct {
	*testing.T

	panel    *panel.Panel
	broker   *transport.Conn
	accounts *account.Accounts
	db       *sql.DB
	url      string
}

// newStage serves a panel on a database, which is SQLite if db is nil.
func newStage(t *testing.T, cfg panel.Config, db *sql.DB, dialect account.Dialect) *stage {
	t.Helper()
	if db == nil {
		db, dialect = newSQLite(t), account.SQLite
	}
	accounts, err := account.Open(t.Context(), db, dialect)
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{T: t, accounts: accounts, db: db}
	cfg.Accounts, cfg.DB = accounts, db
	cfg.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	s.panel, s.url = s.serve(cfg)
	return s
}

// serve serves a panel until the test ends.
func (s *stage) serve(cfg panel.Config) (*panel.Panel, string) {
	s.Helper()
	if s.broker == nil {
		s.broker = cfg.Broker
	}
	if s.broker == nil {
		s.broker = hosttest.Dial(s, transport.Config{URI: brokertest.Embedded(s)})
	}
	cfg.Broker = s.broker
	p, err := panel.New(s.Context(), cfg)
	if err != nil {
		s.Fatal(err)
	}
	server := httptest.NewServer(p)
	s.Cleanup(func() {
		server.Close()
		hosttest.Close(s, p.Close)
	})
	return p, server.URL
}

func newSQLite(t *testing.T) *sql.DB {
	t.Helper()
	db, _, err := sqlite.Connect(t.Context(), filepath.Join(t.TempDir(), "panel.db"))
	return opened(t, db, err)
}

func opened(t *testing.T, db *sql.DB, err error) *sql.DB {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// onEach runs a test on both databases.
func onEach(t *testing.T, test func(t *testing.T, db *sql.DB, dialect account.Dialect)) {
	t.Run("sqlite", func(t *testing.T) { test(t, newSQLite(t), account.SQLite) })
	t.Run("postgres", func(t *testing.T) {
		db, _, err := postgres.Connect(t.Context(), hosttest.Schema(t))
		test(t, opened(t, db, err), account.PostgreSQL)
	})
}

// user adds a user in groups, which it also adds.
func (s *stage) user(name string, groups ...string) {
	s.Helper()
	admin := s.accounts.As(account.Actor{Name: "root"})
	err := admin.AddUser(s.Context(), account.NewUser{Name: name, Password: password, Superuser: name == "root"})
	for _, g := range groups {
		err = errors.Join(err, admin.AddGroup(s.Context(), g), admin.Join(s.Context(), name, g))
	}
	if err != nil {
		s.Fatal(err)
	}
}

// A browser keeps cookies, and follows no redirects.
type browser struct {
	*stage
	*http.Client
	header http.Header // of each request
}

func (s *stage) browser() *browser {
	s.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.Fatal(err)
	}
	return &browser{s, &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, http.Header{}}
}

// as returns a browser in which a user is logged in.
func (s *stage) as(name string) *browser {
	s.Helper()
	b := s.browser()
	b.post("/login", "name="+name+"&password="+url.QueryEscape(password)).want(http.StatusSeeOther, "")
	return b
}

// at returns a browser with the same cookies, at another address of the panel.
func (b *browser) at(address string) *browser {
	b.Helper()
	ours, err := url.Parse(b.url)
	if err != nil {
		b.Fatal(err)
	}
	theirs, err := url.Parse(address)
	if err != nil {
		b.Fatal(err)
	}
	other := *b.stage
	other.url = address
	there := other.browser()
	there.Jar.SetCookies(theirs, b.Jar.Cookies(ours))
	return there
}

// A page is a response of the panel.
type page struct {
	*stage
	*http.Response
	body string
}

func (b *browser) get(path string) *page {
	b.Helper()
	return b.send(http.MethodGet, path, "")
}

func (b *browser) post(path, form string) *page {
	b.Helper()
	return b.send(http.MethodPost, path, form)
}

func (b *browser) send(method, path, form string) *page {
	b.Helper()
	r, err := http.NewRequestWithContext(b.Context(), method, b.url+path, strings.NewReader(form))
	if err != nil {
		b.Fatal(err)
	}
	r.Header = b.header.Clone()
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	response, err := b.Do(r)
	if err != nil {
		b.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		b.Fatal(err)
	}
	return &page{b.stage, response, string(body)}
}

// want checks the status of a page, and that its visible text contains text.
func (p *page) want(status int, text string) *page {
	p.Helper()
	if p.StatusCode != status || !strings.Contains(p.text(), text) {
		p.Errorf("%s %s: got %d %s, want %d and %q", p.Request.Method, p.Request.URL.Path, p.StatusCode, p.text(), status, text)
	}
	return p
}

// leadsTo checks the path to which a page redirects.
func (p *page) leadsTo(path string) {
	p.Helper()
	if got := p.Header.Get("Location"); p.StatusCode != http.StatusSeeOther || got != path {
		p.Errorf("%s %s: got %d to %q, want 303 to %q", p.Request.Method, p.Request.URL.Path, p.StatusCode, got, path)
	}
}

// lacks checks that a page does not contain a text.
func (p *page) lacks(text string) {
	p.Helper()
	if strings.Contains(p.body, text) || strings.Contains(p.text(), text) {
		p.Errorf("%s %s: has %q: %s", p.Request.Method, p.Request.URL.Path, text, p.body)
	}
}

var tags = regexp.MustCompile(`<[^>]*>`)

// text returns the words of a page.
func (p *page) text() string {
	return strings.Join(strings.Fields(html.UnescapeString(tags.ReplaceAllString(p.body, " "))), " ")
}
