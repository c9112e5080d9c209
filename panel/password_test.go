package panel_test

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/oauth2-proxy/mockoidc"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/panel"
	"github.com/gomeko/gomeko/panel/account"
)

const newPassword = "a battery that staples"

// passwords returns the form of the password page.
func passwords(current, password, again string) string {
	return form("current", current, "new", password, "again", again)
}

// token returns the token in the browser's cookie.
func (b *browser) token() string {
	b.Helper()
	at, err := url.Parse(b.url)
	if err != nil {
		b.Fatal(err)
	}
	cookies := b.Jar.Cookies(at)
	if len(cookies) != 1 {
		b.Fatalf("cookies: %v", cookies)
	}
	return cookies[0].Value
}

// logsIn checks whether ann can log in with a password.
func (s *stage) logsIn(password string, want bool) {
	s.Helper()
	if _, err := s.accounts.Login(s.Context(), "ann", password, "203.0.113.7"); (err == nil) != want || err != nil && !errors.Is(err, account.ErrDenied) {
		s.Errorf("a login with %q: %v", password, err)
	}
}

// changes returns the entries of the audit trail about ann's password.
func (s *stage) changes() []account.Entry {
	s.Helper()
	entries, err := s.accounts.Entries(s.Context(), account.Filter{Actor: "ann", Action: "user.passwd"})
	if err != nil {
		s.Fatal(err)
	}
	return entries
}

// TestPassword changes the password of a user, whose session goes on with a new token. Everything
// else of the user ends.
func TestPassword(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, db *sql.DB, dialect account.Dialect) {
		s := newStage(t, panel.Config{}, db, dialect)
		log := new(hosttest.Log)
		// Idle is longer than Lifetime: sessions expire some time after the login.
		_, s.url = s.serve(panel.Config{Accounts: s.accounts, DB: db, Logger: log.Logger(), Idle: 2 * time.Hour, Lifetime: time.Hour})
		s.user("ann")
		ann := s.as("ann")
		expiry := func() (at int64) {
			t.Helper()
			if err := db.QueryRowContext(t.Context(), `SELECT expires_at FROM gomeko_panel_session WHERE name = 'ann'`).Scan(&at); err != nil {
				t.Fatal(err)
			}
			return at
		}
		before, old := expiry(), ann.token()
		token, err := s.accounts.As(account.Actor{Name: "root"}).AddToken(t.Context(), "ann", "", 0)
		if err != nil {
			t.Fatal(err)
		}
		other := s.as("ann")
		ann.get("/").has(`href="/password"`)
		ann.get("/password").want(http.StatusOK, "Change your password").has(`autocomplete="current-password"`).has(`autocomplete="new-password"`).lacks("aria-invalid")

		ann.post("/password", passwords(password, newPassword, newPassword)).leadsTo("/")
		s.wantSessions(1)
		if now := ann.token(); now == old {
			t.Error("the session has the same token as before")
		}
		if after := expiry(); after != before {
			t.Errorf("the session expires %v later", time.Duration(after-before)*time.Microsecond)
		}
		ann.get("/").want(http.StatusOK, "Your password was changed. Your other sessions and your tokens have ended.")
		ann.get("/").want(http.StatusOK, "ann Log out").lacks("was changed")
		other.get("/").leadsTo("/login")
		stale := s.browser()
		stale.header.Set("Cookie", "gomeko_panel="+old)
		stale.get("/").leadsTo("/login")
		if _, err := s.accounts.UserOf(t.Context(), token, ""); !errors.Is(err, account.ErrToken) {
			t.Errorf("the token is still valid: %v", err)
		}
		s.logsIn(password, false)
		s.logsIn(newPassword, true)

		entries := s.changes()
		if len(entries) != 1 || entries[0].Object != "ann" || entries[0].Failed != "" || entries[0].Actor.Address != "127.0.0.1" || len(entries[0].Details) != 0 {
			t.Errorf("audit: %+v", entries)
		}
		all, err := s.accounts.Entries(t.Context(), account.Filter{})
		if err != nil {
			t.Fatal(err)
		}
		trail, err := json.Marshal(all)
		if err != nil {
			t.Fatal(err)
		}
		for what, text := range map[string]string{"audit trail": string(trail), "log": log.String()} {
			if strings.Contains(text, password) || strings.Contains(text, newPassword) {
				t.Errorf("the %s has a password: %s", what, text)
			}
		}
	})
}

// TestPasswordFaults checks the faults of the password page. They change nothing, and none of them
// counts as a login but a wrong password.
func TestPasswordFaults(t *testing.T) {
	t.Parallel()
	s := newStage(t, panel.Config{}, nil, "")
	s.user("anna")
	anna, other := s.as("anna"), s.as("anna")
	before := anna.token()
	const secret = "zq-secret-of-anybody"
	for _, x := range []struct{ current, password, again, field, fault string }{
		{"", newPassword, newPassword, "current", "Type your current password."},
		{secret, newPassword, newPassword, "current", "The current password is wrong."},
		{password, "", "", "new", "The password has 0 characters: it must have 12 to 128."},
		{password, "zq-secret-", "zq-secret-", "new", "The password has 10 characters: it must have 12 to 128."},
		{password, strings.Repeat(secret, 7), "", "new", "The password has 140 characters: it must have 12 to 128."},
		{password, "zqzqzqzqzqzqzqzq", "", "new", "The password has 2 different characters: it must have at least 5."},
		{password, secret + "-Anna", secret + "-Anna", "new", "The password contains the name of the user."},
		{password, secret + "\xff", secret + "\xff", "new", "The password is not a text in UTF-8."},
		{password, secret, secret + " ", "again", "The two new passwords differ."},
		{password, secret, "", "again", "The two new passwords differ."},
	} {
		p := anna.post("/password", passwords(x.current, x.password, x.again)).want(http.StatusUnprocessableEntity, x.fault)
		p.has(fmt.Sprintf(`<p class="fault" id="%s-fault">`, x.field)).has(x.field + "-fault\">\n")
		p.lacks("zq")
		p.lacks(password)
		if got := strings.Count(p.body, "aria-invalid"); got != 1 {
			t.Errorf("%q: %d fields are marked", x.fault, got)
		}
	}
	both := anna.post("/password", "").want(http.StatusUnprocessableEntity, "Type your current password.")
	both.want(http.StatusUnprocessableEntity, "The password has 0 characters").has(`id="current" name="current" type="password" autocomplete="current-password" required maxlength="1024" autofocus`)
	anna.get("/password?"+passwords(password, newPassword, newPassword)).want(http.StatusOK, "").lacks("battery")
	anna.post("/password?"+passwords(password, newPassword, newPassword), "").want(http.StatusUnprocessableEntity, "Type your current password.")
	if anna.token() != before {
		t.Error("the session has a new token")
	}
	other.get("/").want(http.StatusOK, "anna Log out")
	var tries int
	if err := s.db.QueryRowContext(t.Context(), `SELECT tries FROM gomeko_panel_failure WHERE subject = 'user anna'`).Scan(&tries); err != nil || tries != 1 {
		t.Errorf("%d failed logins are counted, want 1: %v", tries, err)
	}
}

// TestPasswordGuesses guesses the current password in a session, with the limits of logins.
func TestPasswordGuesses(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, db *sql.DB, dialect account.Dialect) {
		s := newStage(t, panel.Config{}, db, dialect)
		s.user("ann")
		ann := s.as("ann")
		guess := passwords("wrong", newPassword, newPassword)
		s.browser().post("/login", "name=ann&password=wrong").want(http.StatusUnauthorized, "") // counts too
		for range 4 {
			ann.post("/password", guess).want(http.StatusUnprocessableEntity, "The current password is wrong.")
		}
		limit := func(next time.Time) {
			t.Helper()
			if _, err := db.ExecContext(t.Context(), `UPDATE gomeko_panel_failure SET next_at = $1 WHERE subject = 'user ann'`, next.UnixMicro()); err != nil {
				t.Fatal(err)
			}
		}
		ann.post("/password", guess).want(http.StatusUnprocessableEntity, "The current password is wrong.")
		var next, last int64
		if err := db.QueryRowContext(t.Context(), `SELECT next_at, last_at FROM gomeko_panel_failure WHERE subject = 'user ann'`).Scan(&next, &last); err != nil || next != last+1_000_000 {
			t.Errorf("the sixth wrong password delays the next one by %d µs: %v", next-last, err)
		}
		limit(time.Now().Add(5 * time.Minute))
		right := passwords(password, newPassword, newPassword)
		p := ann.post("/password", right).want(http.StatusTooManyRequests, "Too many logins have failed. Try again in ").has(`id="current-fault"`)
		if p.Header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
		s.browser().post("/login", "name=ann&password="+url.QueryEscape(password)).want(http.StatusTooManyRequests, "Too many")
		limit(time.Now())
		ann.post("/password", right).leadsTo("/")
		s.logsIn(newPassword, true)

		entries, failed := s.changes(), map[string]int{}
		for _, e := range entries {
			why, _, _ := strings.Cut(e.Failed, ":")
			failed[why]++
		}
		if len(entries) != 7 || failed["the current password is wrong"] != 5 || failed["too many logins have failed"] != 1 || failed[""] != 1 {
			t.Errorf("audit: %v", failed)
		}
	})
}

// TestPasswordSessions sends the form without a session, from another page, and in sessions that
// have ended.
func TestPasswordSessions(t *testing.T) {
	t.Parallel()
	s := newStage(t, panel.Config{}, nil, "")
	s.user("ann")
	admin := s.accounts.As(account.Actor{Name: "root"})
	change := passwords(password, newPassword, newPassword)
	s.browser().get("/password").leadsTo("/login?next=%2Fpassword")
	s.browser().post("/password", change).leadsTo("/login")

	foreign := s.as("ann")
	foreign.header.Set("Sec-Fetch-Site", "cross-site")
	foreign.post("/password", change).want(http.StatusForbidden, "This came from another page")
	foreign.header.Del("Sec-Fetch-Site")
	foreign.header.Set("Origin", "https://evil.example")
	foreign.post("/password", change).want(http.StatusForbidden, "This came from another page")

	const third = "another " + password
	s.as("ann").slowly("/password", change, func() {
		if err := admin.SetPassword(t.Context(), "ann", third); err != nil {
			t.Fatal(err)
		}
	}).leadsTo("/login")
	s.logsIn(third, true)
	if err := admin.SetPassword(t.Context(), "ann", password); err != nil {
		t.Fatal(err)
	}
	ann := s.as("ann")
	if err := admin.Disable(t.Context(), "ann"); err != nil {
		t.Fatal(err)
	}
	ann.get("/password").leadsTo("/login?next=%2Fpassword")
	ann.post("/password", change).leadsTo("/login")
	if entries := s.changes(); len(entries) != 0 {
		t.Errorf("audit: %+v", entries)
	}
}

// TestPasswordElsewhere checks that users without a password cannot set one.
func TestPasswordElsewhere(t *testing.T) {
	t.Parallel()
	m, signOn := newMock(t)
	s := newStage(t, panel.Config{SignOn: signOn}, nil, "")
	b := s.browser()
	logIn := func() {
		t.Helper()
		b.get("/login/callback" + b.begin(m, "", &mockoidc.MockUser{Subject: "7", PreferredUsername: "ann"})).leadsTo("/")
	}
	logIn()
	b.get("/").want(http.StatusOK, "ann Log out").lacks("/password")
	b.get("/password").want(http.StatusNotFound, "You have no password here")
	for _, current := range []string{"", password} {
		b.post("/password", passwords(current, newPassword, newPassword)).want(http.StatusNotFound, "You have no password here")
	}
	s.logsIn(newPassword, false)
	if entries := s.changes(); len(entries) != 0 {
		t.Errorf("audit: %+v", entries)
	}
	if err := s.accounts.As(account.Actor{Name: "root"}).SetPassword(t.Context(), "ann", password); err != nil {
		t.Fatal(err)
	}
	logIn()
	b.get("/").has(`href="/password"`)
	b.post("/password", passwords(password, newPassword, newPassword)).leadsTo("/")
	s.logsIn(newPassword, true)
}

// TestLateSession saves a session after its user's sessions have ended, as a login does that ends
// at the same moment.
func TestLateSession(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, db *sql.DB, dialect account.Dialect) {
		f := newFair(t, brokertest.Embedded(t), db, dialect)
		f.panel.SetPing(10 * time.Millisecond)
		admin := f.accounts.As(account.Actor{Name: "root"})
		update := f.as("ann").post("/services/shop/Update", "").started()
		hosttest.Next(t, f.shop.begun)
		current := password
		for what, end := range map[string]func() error{
			"password": func() error {
				_, err := f.accounts.As(account.Actor{Name: "ann"}).ChangePassword(t.Context(), current, newPassword)
				current = newPassword
				return err
			},
			"password of an administrator": func() error { current = password; return admin.SetPassword(t.Context(), "ann", password) },
			"disabled":                     func() error { return errors.Join(admin.Disable(t.Context(), "ann"), admin.Enable(t.Context(), "ann")) },
		} {
			ann := f.browser()
			ann.post("/login", form("name", "ann", "password", current)).leadsTo("/")
			live := ann.events(update + "/live")
			var late account.Session
			if err := db.QueryRowContext(t.Context(), `SELECT token, name, data FROM gomeko_panel_session WHERE name = 'ann' ORDER BY expires_at DESC LIMIT 1`).
				Scan(&late.Token, &late.User, &late.Data); err != nil {
				t.Fatal(err)
			}
			late.Expires = time.Now().Add(time.Hour)
			if err := end(); err != nil {
				t.Fatal(what, err)
			}
			if err := f.accounts.SaveSession(t.Context(), late); err != nil {
				t.Fatal(err)
			}
			hosttest.Closed(t, "the end of the stream", live)
			f.wantSessions(1)
			ann.get("/").leadsTo("/login")
			f.wantSessions(0)
		}
		f.shop.updates <- "end"
	})
}
