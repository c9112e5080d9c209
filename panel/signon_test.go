package panel_test

import (
	"context"
	"database/sql"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/oauth2-proxy/mockoidc"

	"github.com/gomeko/gomeko/panel"
	"github.com/gomeko/gomeko/panel/account"
	"github.com/gomeko/gomeko/panel/oidc"
)

// newMock runs an OpenID provider, and returns a login there.
func newMock(t *testing.T) (*mockoidc.MockOIDC, panel.SignOn) {
	t.Helper()
	m, err := mockoidc.Run()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Shutdown() })
	p, err := oidc.New(oidc.Config{
		Issuer: m.Issuer(), ClientID: m.ClientID, ClientSecret: m.ClientSecret, RedirectURL: "http://127.0.0.1" + panel.CallbackPath, Title: "Staff",
		Scopes: []string{"profile", "groups"}, GroupsClaim: "groups", GroupPrefix: "*",
		Client: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return m, p
}

// begin begins a login elsewhere, logs in there, and returns the query of the callback.
func (b *browser) begin(m *mockoidc.MockOIDC, next string, user *mockoidc.MockUser) (query string) {
	b.Helper()
	m.QueueUser(user)
	target := b.get("/login/begin?next="+url.QueryEscape(next)).want(http.StatusSeeOther, "").Header.Get("Location")
	r, err := http.NewRequestWithContext(b.Context(), http.MethodGet, target, nil)
	if err != nil {
		b.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, CheckRedirect: b.CheckRedirect}
	response, err := client.Do(r)
	if err != nil {
		b.Fatal(err)
	}
	defer response.Body.Close()
	back, err := response.Location()
	if err != nil {
		b.Fatal(err)
	}
	return "?" + back.RawQuery
}

// TestSignOn logs users in at an OpenID provider, on both databases.
func TestSignOn(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, db *sql.DB, dialect account.Dialect) {
		m, signOn := newMock(t)
		s := newStage(t, panel.Config{SignOn: signOn}, db, dialect)
		ann := func(groups ...string) *mockoidc.MockUser {
			return &mockoidc.MockUser{Subject: "7", PreferredUsername: "Ann", Groups: groups}
		}
		b := s.browser()
		b.get("/login?next=/x").want(http.StatusOK, "Log in with Staff")
		query := b.begin(m, "/?q=x", ann("operations", "operations/audit"))
		b.get("/").leadsTo("/login") // not yet
		b.get("/login/callback" + query).leadsTo("/?q=x")
		b.get("/").want(http.StatusOK, "ann Log out")
		b.get("/login/begin?next=/y").leadsTo("/y")
		b.get("/login/callback" + query).leadsTo("/") // opened again
		user, err := s.accounts.User(t.Context(), "ann")
		if err != nil || strings.Join(user.Groups, " ") != "operations operations/audit" || user.Superuser {
			t.Errorf("got %+v, %v", user, err)
		}

		// The groups are those of the latest login, in all browsers.
		other := s.browser()
		other.get("/login/callback" + other.begin(m, "", ann("operations"))).leadsTo("/")
		if user, err = s.accounts.User(t.Context(), "ann"); err != nil || strings.Join(user.Groups, " ") != "operations" {
			t.Errorf("got %+v, %v", user, err)
		}
		b.post("/logout", "").leadsTo("/login")
		b.get("/").leadsTo("/login")
		other.get("/").want(http.StatusOK, "ann")

		if err := s.accounts.As(account.Actor{Name: "root"}).Disable(t.Context(), "ann"); err != nil {
			t.Fatal(err)
		}
		other.get("/").leadsTo("/login")
		b.get("/login/callback"+b.begin(m, "", ann())).want(http.StatusForbidden, "The login is refused: the user is disabled.")
		b.get("/").leadsTo("/login")
	})
}

// TestSignOnAttacks tries to get access to accounts through a login elsewhere.
func TestSignOnAttacks(t *testing.T) {
	t.Parallel()
	m, signOn := newMock(t)
	s := newStage(t, panel.Config{SignOn: signOn}, nil, "")
	s.user("root")
	s.user("bob")
	eve := &mockoidc.MockUser{Subject: "666", PreferredUsername: "eve"}

	for _, name := range []string{"bob", "root", "BOB"} {
		b := s.browser()
		b.get("/login/callback"+b.begin(m, "", &mockoidc.MockUser{Subject: "666", PreferredUsername: name})).
			want(http.StatusForbidden, "another account has this name")
		b.get("/").leadsTo("/login")
	}
	for _, name := range []string{"", "a b", "<script>alert(1)</script>", strings.Repeat("x", 65)} {
		b := s.browser()
		p := b.get("/login/callback"+b.begin(m, "", &mockoidc.MockUser{Subject: "666", PreferredUsername: name})).want(http.StatusForbidden, "The login is refused")
		if strings.Contains(p.body, "<script>alert") {
			t.Error("a name is not escaped")
		}
	}

	// A callback counts only in the browser that began the login, once, and for the latest login.
	mine, victim := s.browser(), s.browser()
	query := mine.begin(m, "", eve)
	victim.get("/login/callback"+query).want(http.StatusForbidden, "this browser has not begun a login")
	victim.begin(m, "", eve)
	victim.get("/login/callback"+query).want(http.StatusForbidden, "the answer is to another login")
	victim.get("/").leadsTo("/login")
	mine.get("/login/callback" + query).leadsTo("/")
	mine.post("/logout", "").leadsTo("/login")
	mine.get("/login/callback"+query).want(http.StatusForbidden, "this browser has not begun a login")
	wrong := mine.begin(m, "", eve)
	mine.get("/login/callback?state=wrong&code=x").want(http.StatusForbidden, "the answer is to another login")
	mine.get("/login/callback"+wrong).want(http.StatusForbidden, "this browser has not begun a login")
	for _, cookie := range []string{"", "gomeko_panel=" + strings.Repeat("A", 43)} {
		b := s.browser()
		b.header.Set("Cookie", cookie)
		b.get("/login/callback"+query).want(http.StatusForbidden, "this browser has not begun a login")
	}

	// The page after the login is one of the panel.
	for _, next := range []string{"//evil.example", "https://evil.example", `/\evil.example`, "javascript:alert(1)"} {
		b := s.browser()
		b.get("/login/callback" + b.begin(m, next, eve)).leadsTo("/")
	}

	// A token that an attacker has planted in the browser before is useless afterwards.
	at, err := url.Parse(s.url)
	if err != nil {
		t.Fatal(err)
	}
	b := s.browser()
	query = b.begin(m, "", eve)
	before := b.Jar.Cookies(at)[0].Value
	b.get("/login/callback" + query).leadsTo("/")
	if after := b.Jar.Cookies(at); len(after) != 1 || after[0].Value == before {
		t.Errorf("the token before the login is used after it: %v", after)
	}

	entries, err := s.accounts.Entries(t.Context(), account.Filter{Action: "login"})
	if err != nil {
		t.Fatal(err)
	}
	refused, unknown := 0, 0
	for _, e := range entries {
		if e.Failed != "" {
			refused++
		}
		if strings.Contains(e.Failed, "has not begun") {
			unknown++
		}
	}
	if refused != 9 || unknown != 0 {
		t.Errorf("the audit trail has %d refused logins, %d of them of browsers that have not begun one", refused, unknown)
	}
}

// awaySignOn is a login elsewhere that does not answer.
type awaySignOn struct{}

func (awaySignOn) Title() string { return "Staff" }

func (awaySignOn) Begin(context.Context) (target, kept string, err error) {
	return "", "", errors.New("no route to https://secret.example")
}

func (awaySignOn) Finish(context.Context, string, url.Values) (account.Identity, error) {
	return account.Identity{}, errors.New("no route to https://secret.example")
}

// TestSignOnAway lets users with a password log in while no login elsewhere is possible.
func TestSignOnAway(t *testing.T) {
	t.Parallel()
	s := newStage(t, panel.Config{SignOn: awaySignOn{}}, nil, "")
	s.user("ann")
	b := s.browser()
	for _, path := range []string{"/login/begin", "/login/callback?state=x&code=y"} {
		p := b.get(path).want(http.StatusServiceUnavailable, "The other login does not answer: try again in a moment.")
		if strings.Contains(p.body, "secret.example") || p.Header.Get("Retry-After") == "" {
			t.Errorf("%s: got %v\n%s", path, p.Header, p.body)
		}
	}
	b.post("/login", "name=ann&password="+url.QueryEscape(password)).leadsTo("/")
}

// TestNoSignOn checks that there are no pages of another login unless one is configured.
func TestNoSignOn(t *testing.T) {
	t.Parallel()
	s := newStage(t, panel.Config{}, nil, "")
	s.browser().get("/login").want(http.StatusOK, "").lacks("Log in with")
	s.user("ann")
	s.as("ann").get("/login/begin").want(http.StatusNotFound, "")
}
