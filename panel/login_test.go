package panel_test

import (
	"database/sql"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/panel"
	"github.com/gomeko/gomeko/panel/account"
)

// TestLogin logs in and out, on both databases.
func TestLogin(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, db *sql.DB, dialect account.Dialect) {
		s := newStage(t, panel.Config{Title: "Warehouse"}, db, dialect)
		s.user("ann")
		b := s.browser()
		b.get("/").leadsTo("/login")
		b.get("/services/shop/Update?a=1&b=2").leadsTo("/login?next=%2Fservices%2Fshop%2FUpdate%3Fa%3D1%26b%3D2")
		b.post("/services/shop/Update", "").leadsTo("/login")
		b.get("/login?next=/x").want(http.StatusOK, "Warehouse Log in Name Password")

		const wrong = "The name or the password is wrong."
		b.post("/login", "name=ann&password=wrong").want(http.StatusUnauthorized, wrong)
		b.post("/login", "name=nobody&password="+url.QueryEscape(password)).want(http.StatusUnauthorized, wrong)
		b.post("/login", "").want(http.StatusUnauthorized, wrong)
		b.get("/").leadsTo("/login")

		right := "name=Ann&password=" + url.QueryEscape(password)
		b.post("/login", right+"&next=/%3Fq=x").leadsTo("/?q=x")
		b.get("/").want(http.StatusOK, "ann Log out")
		b.get("/login").leadsTo("/")
		b.get("/nothing").want(http.StatusNotFound, "There is no such page")

		// Another process of the panel knows the session.
		_, address := s.serve(panel.Config{Accounts: s.accounts, DB: s.db})
		elsewhere := b.at(address)
		elsewhere.get("/").want(http.StatusOK, "ann Log out")

		b.post("/logout", "").leadsTo("/login")
		b.get("/").leadsTo("/login")
		elsewhere.get("/").leadsTo("/login")
		entries, err := s.accounts.Entries(t.Context(), account.Filter{Actor: "ann", Action: "logout"})
		if err != nil || len(entries) != 1 || entries[0].Actor.Address != "127.0.0.1" {
			t.Errorf("audit: %+v, %v", entries, err)
		}
	})
}

// TestEndOfSession ends sessions by changes of their user.
func TestEndOfSession(t *testing.T) {
	t.Parallel()
	s := newStage(t, panel.Config{}, nil, "")
	s.user("ann")
	s.user("bob")
	ann, bob := s.as("ann"), s.as("bob")
	admin := s.accounts.As(account.Actor{Name: "root"})
	if err := admin.SetPassword(t.Context(), "ann", "another "+password); err != nil {
		t.Fatal(err)
	}
	ann.get("/").leadsTo("/login")
	bob.get("/").want(http.StatusOK, "bob")
	if err := admin.Disable(t.Context(), "bob"); err != nil {
		t.Fatal(err)
	}
	bob.get("/").leadsTo("/login")
}

// TestExpiry checks that a session ends after some time without requests, and some time after
// login.
func TestExpiry(t *testing.T) {
	t.Parallel()
	expiry := func(idle, lifetime time.Duration) time.Duration {
		t.Helper()
		s := newStage(t, panel.Config{Idle: idle, Lifetime: lifetime}, nil, "")
		s.user("ann")
		s.as("ann").get("/").want(http.StatusOK, "ann")
		var at int64
		if err := s.db.QueryRowContext(t.Context(), `SELECT expires_at FROM gomeko_panel_session`).Scan(&at); err != nil {
			t.Fatal(err)
		}
		return time.Until(time.UnixMicro(at)).Round(time.Minute)
	}
	for _, x := range []struct{ idle, lifetime, want time.Duration }{
		{0, 0, 30 * time.Minute},
		{5 * time.Minute, 0, 5 * time.Minute},
		{5 * time.Minute, 3 * time.Minute, 3 * time.Minute},
	} {
		if got := expiry(x.idle, x.lifetime); got != x.want {
			t.Errorf("idle %v, lifetime %v: the session ends in %v", x.idle, x.lifetime, got)
		}
	}
	s := newStage(t, panel.Config{}, nil, "")
	s.user("ann")
	b := s.as("ann")
	if _, err := s.db.ExecContext(t.Context(), `UPDATE gomeko_panel_session SET expires_at = $1`, time.Now().UnixMicro()); err != nil {
		t.Fatal(err)
	}
	b.get("/").leadsTo("/login")
}

// TestGuesses checks that the panel stops comparing passwords after some wrong ones.
func TestGuesses(t *testing.T) {
	t.Parallel()
	s := newStage(t, panel.Config{}, nil, "")
	s.user("ann")
	b := s.browser()
	b.post("/login", "name=ann&password=wrong").want(http.StatusUnauthorized, "")
	if _, err := s.db.ExecContext(t.Context(), `UPDATE gomeko_panel_failure SET tries = 20, next_at = $1`, time.Now().Add(5*time.Minute).UnixMicro()); err != nil {
		t.Fatal(err)
	}
	p := b.post("/login", "name=ann&password="+url.QueryEscape(password)).want(http.StatusTooManyRequests, "Too many logins have failed. Try again in ")
	if p.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}

// TestFixation checks that a session that an attacker has planted in a browser is useless after a
// login.
func TestFixation(t *testing.T) {
	t.Parallel()
	s := newStage(t, panel.Config{}, nil, "")
	s.user("ann")
	s.user("eve")
	at, err := url.Parse(s.url)
	if err != nil {
		t.Fatal(err)
	}
	eve := s.as("eve")
	for name, planted := range map[string]string{"of another session": eve.token(), "made up": strings.Repeat("A", 43)} {
		ann := s.browser()
		ann.Jar.SetCookies(at, []*http.Cookie{{Name: "gomeko_panel", Value: planted}})
		ann.post("/login", "name=ann&password="+url.QueryEscape(password)).want(http.StatusSeeOther, "")
		if ann.token() == planted {
			t.Errorf("a token %s is used after the login", name)
		}
		ann.get("/").want(http.StatusOK, "ann Log out")
		eve.get("/").lacks("ann")
		var rows int
		if err := s.db.QueryRowContext(t.Context(), `SELECT count(*) FROM gomeko_panel_session WHERE token = $1`, ann.token()).Scan(&rows); err != nil || rows != 0 {
			t.Errorf("the database has the token itself: %d, %v", rows, err)
		}
	}
}

// TestLocal checks that a link to the login leads to no other site.
func TestLocal(t *testing.T) {
	t.Parallel()
	for next, want := range map[string]string{
		"": "/", "/": "/", "/services/a/B": "/services/a/B", "/?q=a%20b": "/?q=a%20b", "/a//b": "/a//b",
		"//evil.example": "/", "///evil.example": "/", `/\evil.example`: "/", `\\evil.example`: "/", `/a\..\b`: "/",
		"https://evil.example": "/", "evil.example": "/", "javascript:alert(1)": "/", "data:text/html,x": "/",
		"/\t/evil.example": "/", "/\n/evil.example": "/", "http:evil.example": "/", " //evil.example": "/", "?q": "/",
	} {
		if got := panel.Local(next); got != want {
			t.Errorf("%q: got %q, want %q", next, got, want)
		}
	}
	s := newStage(t, panel.Config{}, nil, "")
	s.user("ann")
	s.browser().post("/login", "name=ann&password="+url.QueryEscape(password)+"&next=//evil.example").leadsTo("/")
	s.browser().get("/login?next=https://evil.example").lacks("evil")
}
