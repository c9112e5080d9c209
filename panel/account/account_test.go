package account_test

import (
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/internal/postgres"
	"github.com/gomeko/gomeko/internal/sqlite"
	"github.com/gomeko/gomeko/panel/account"
)

const password = "correct horse battery"

// onEach runs a test on both databases.
func onEach(t *testing.T, test func(t *testing.T, a *account.Accounts)) {
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		db, _, err := sqlite.Connect(t.Context(), filepath.Join(t.TempDir(), "panel.db"))
		test(t, opened(t, db, account.SQLite, err))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		db, _, err := postgres.Connect(t.Context(), hosttest.Schema(t))
		test(t, opened(t, db, account.PostgreSQL, err))
	})
}

func opened(t *testing.T, db *sql.DB, dialect account.Dialect, err error) *account.Accounts {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	for range 2 { // the second one finds the tables
		if _, err = account.Open(t.Context(), db, dialect); err != nil {
			t.Fatal(err)
		}
	}
	a, err := account.Open(t.Context(), db, dialect)
	if err != nil {
		t.Fatal(err)
	}
	a.SetCost(64)
	return a
}

func admin(a *account.Accounts) *account.Editor {
	return a.As(account.Actor{Name: "root", Address: "203.0.113.7"})
}

// user adds a user in groups, which it also adds.
func user(t *testing.T, a *account.Accounts, name string, groups ...string) {
	t.Helper()
	err := admin(a).AddUser(t.Context(), account.NewUser{Name: name, Password: password})
	for _, g := range groups {
		err = errors.Join(err, admin(a).AddGroup(t.Context(), g), admin(a).Join(t.Context(), name, g))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestMissing checks that a path requires all of its groups.
func TestMissing(t *testing.T) {
	onEach(t, func(t *testing.T, a *account.Accounts) {
		const path = "control_panel/dashboard/services/availability/availability_update"
		user(t, a, "ann", path)
		user(t, a, "bob", "control_panel/dashboard")
		user(t, a, "eve")
		missing := func(name, path string) string {
			t.Helper()
			u, err := a.User(t.Context(), name)
			if err != nil {
				t.Fatal(err)
			}
			return u.Missing(path)
		}
		change := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		check := func(name, path, want string) {
			t.Helper()
			if got := missing(name, path); got != want {
				t.Errorf("%s needs %q for %s instead of %q", name, got, path, want)
			}
		}
		check("ann", path, "")
		check("bob", path, "control_panel/dashboard/services")
		check("eve", path, "control_panel")
		check("ann", "reports", "reports")
		check("ann", "control_panel/dash", "control_panel/dash")

		change(admin(a).Leave(t.Context(), "ann", "control_panel/dashboard"))
		check("ann", path, "control_panel/dashboard")
		change(admin(a).Join(t.Context(), "ann", "control_panel/dashboard"))
		check("ann", path, "")
		change(admin(a).Disable(t.Context(), "ann"))
		check("ann", path, path)
		change(admin(a).Enable(t.Context(), "ann"))
		check("ann", path, "")
		change(admin(a).RemoveGroup(t.Context(), "control_panel/dashboard/services"))
		check("ann", path, "control_panel/dashboard/services")
		check("bob", "control_panel/dashboard", "")
		change(admin(a).SetSuperuser(t.Context(), "eve", true))
		check("eve", path, "")
		change(admin(a).SetSuperuser(t.Context(), "eve", false))
		check("eve", path, "control_panel")

		groups, err := a.Groups(t.Context())
		want := []account.Group{{Path: "control_panel", Members: []string{"ann", "bob"}}, {Path: "control_panel/dashboard", Members: []string{"ann", "bob"}}}
		if err != nil || !slices.EqualFunc(groups, want, func(a, b account.Group) bool { return a.Path == b.Path && slices.Equal(a.Members, b.Members) }) {
			t.Errorf("groups %v, %v", groups, err)
		}
	})
}

// TestMistakes checks the errors of invalid changes, which change nothing but leave an entry.
func TestMistakes(t *testing.T) {
	onEach(t, func(t *testing.T, a *account.Accounts) {
		user(t, a, "ann", "reports")
		e := admin(a)
		for want, change := range map[string]func() error{
			"user ann exists already":                   func() error { return e.AddUser(t.Context(), account.NewUser{Name: "Ann", Password: password}) },
			"must have 1 to 64 of the characters":       func() error { return e.AddUser(t.Context(), account.NewUser{Name: "a b"}) },
			"has 11 characters: it must have 12 to 128": func() error { return e.SetPassword(t.Context(), "ann", "12345678901") },
			"has 2 different characters":                func() error { return e.SetPassword(t.Context(), "ann", "abababababababab") },
			"contains the name of the user": func() error {
				return e.AddUser(t.Context(), account.NewUser{Name: "carol", Password: "Carol-is-great!"})
			},
			"user zoe does not exist":                 func() error { return e.SetPassword(t.Context(), "zoe", password) },
			"user zoe does not exist ":                func() error { return e.Join(t.Context(), "zoe", "reports") },
			"group sales does not exist":              func() error { return e.Join(t.Context(), "ann", "sales") },
			`group "a//b": "" must have only letters`: func() error { return e.AddGroup(t.Context(), "a//b") },
			"user ann is not in the group sales":      func() error { return e.Leave(t.Context(), "ann", "sales") },
			"group sales does not exist ":             func() error { return e.RemoveGroup(t.Context(), "sales") },
			"the limit is 255":                        func() error { return e.AddGroup(t.Context(), strings.Repeat("x", 256)) },
			"user zoe does not exist  ":               func() error { return e.Disable(t.Context(), "zoe") },
		} {
			if err := change(); err == nil || !strings.Contains(err.Error(), strings.TrimSpace(want)) {
				t.Errorf("the error is %v instead of %q", err, want)
			}
		}
		entries, err := a.Entries(t.Context(), account.Filter{Actor: "root", Object: "zoe"})
		if err != nil || len(entries) != 3 || entries[0].Failed != "user zoe does not exist" || entries[0].Actor.Address != "203.0.113.7" {
			t.Errorf("entries %+v, %v", entries, err)
		}
	})
}

// TestLogin logs in with right and wrong passwords.
func TestLogin(t *testing.T) {
	onEach(t, func(t *testing.T, a *account.Accounts) {
		user(t, a, "ann", "reports")
		user(t, a, "gone")
		if err := errors.Join(admin(a).Disable(t.Context(), "gone"), admin(a).AddUser(t.Context(), account.NewUser{Name: "sso"})); err != nil {
			t.Fatal(err)
		}
		for _, try := range []struct{ name, password string }{{"ann", "correct horse batterY"}, {"gone", password}, {"sso", ""}, {"zoe", password}, {"a b", ""}, {"", ""}} {
			if u, err := a.Login(t.Context(), try.name, try.password, "203.0.113.8"); !errors.Is(err, account.ErrDenied) {
				t.Errorf("%s logs in: %v, %v", try.name, u, err)
			}
		}
		u, err := a.Login(t.Context(), "Ann", password, "203.0.113.8")
		if err != nil || u.Name != "ann" || !slices.Equal(u.Groups, []string{"reports"}) || u.LastLogin.IsZero() {
			t.Errorf("login: %+v, %v", u, err)
		}
		entries, err := a.Entries(t.Context(), account.Filter{Action: "login", Limit: 2})
		if err != nil || len(entries) != 2 || entries[0].Failed != "" || entries[1].Failed != account.ErrDenied.Error() {
			t.Errorf("entries %+v, %v", entries, err)
		}
		older, err := a.Entries(t.Context(), account.Filter{Action: "login", Before: entries[1].Seq})
		if err != nil || len(older) != 5 {
			t.Errorf("older entries %+v, %v", older, err)
		}
	})
}

// TestGuesses limits failed logins: of a user from many addresses, and from one address.
func TestGuesses(t *testing.T) {
	onEach(t, func(t *testing.T, a *account.Accounts) {
		user(t, a, "ann")
		user(t, a, "bob")
		now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		a.SetClock(func() time.Time { return now })
		login := func(name, password, address string) (wait time.Duration, err error) {
			_, err = a.Login(t.Context(), name, password, address)
			if many := (*account.TooManyError)(nil); errors.As(err, &many) {
				return many.Until.Sub(now), err
			}
			return 0, err
		}
		for i := range 6 {
			if _, err := login("ann", "wrong", fmt.Sprint("203.0.113.", i)); !errors.Is(err, account.ErrDenied) {
				t.Fatalf("guess %d: %v", i, err)
			}
		}
		if wait, err := login("ann", password, "203.0.113.9"); wait != time.Second {
			t.Errorf("after 6 guesses the wait is %v: %v", wait, err)
		}
		now = now.Add(time.Second)
		if _, err := login("ann", "wrong", "203.0.113.9"); !errors.Is(err, account.ErrDenied) {
			t.Errorf("after the wait: %v", err)
		}
		if wait, err := login("ann", password, "203.0.113.9"); wait != 2*time.Second {
			t.Errorf("after 7 guesses the wait is %v: %v", wait, err)
		}
		if _, err := login("bob", password, "203.0.113.9"); err != nil {
			t.Errorf("another user: %v", err)
		}
		now = now.Add(2 * time.Second)
		if _, err := login("ann", password, "203.0.113.9"); err != nil {
			t.Errorf("the right password after the wait: %v", err)
		}
		if _, err := login("ann", "wrong", "203.0.113.9"); !errors.Is(err, account.ErrDenied) {
			t.Errorf("the guesses are not forgotten: %v", err)
		}
		for i := range 51 {
			_, _ = login(fmt.Sprint("user", i), "wrong", "198.51.100.1")
		}
		if wait, err := login("bob", password, "198.51.100.1"); wait != time.Second {
			t.Errorf("from an address of 51 guesses the wait is %v: %v", wait, err)
		}
		if _, err := login("bob", password, "198.51.100.2"); err != nil {
			t.Errorf("from another address: %v", err)
		}
	})
}

// TestGuessesAtOnce makes concurrent guesses, which count as if they came one by one.
func TestGuessesAtOnce(t *testing.T) {
	onEach(t, func(t *testing.T, a *account.Accounts) {
		user(t, a, "ann")
		now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		a.SetClock(func() time.Time { return now })
		var guesses sync.WaitGroup
		results := make(chan error, 30)
		for range cap(results) {
			guesses.Go(func() {
				_, err := a.Login(t.Context(), "ann", "wrong", "203.0.113.8")
				results <- err
			})
		}
		guesses.Wait()
		close(results)
		denied := 0
		for err := range results {
			if errors.Is(err, account.ErrDenied) {
				denied++
			}
		}
		if denied != 6 {
			t.Errorf("%d of %d guesses were compared with the password instead of 6", denied, cap(results))
		}
	})
}
