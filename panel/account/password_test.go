package account_test

import (
	"errors"
	"testing"
	"time"

	"github.com/gomeko/gomeko/panel/account"
)

// TestChangePassword changes passwords with right and wrong current ones.
func TestChangePassword(t *testing.T) {
	onEach(t, func(t *testing.T, a *account.Accounts) {
		const second = "another " + password
		now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		a.SetClock(func() time.Time { return now })
		for _, name := range []string{"ann", "bob", "gone"} {
			user(t, a, name)
		}
		if err := errors.Join(admin(a).Disable(t.Context(), "gone"), admin(a).AddUser(t.Context(), account.NewUser{Name: "sso"})); err != nil {
			t.Fatal(err)
		}
		change := func(name, current, new string) (*account.User, error) {
			return a.As(account.Actor{Name: name, Address: "203.0.113.9"}).ChangePassword(t.Context(), current, new)
		}
		for _, x := range []struct{ name, current string }{{"ann", "wrong"}, {"ann", ""}, {"gone", password}, {"sso", ""}, {"sso", password}, {"zoe", password}} {
			if _, err := change(x.name, x.current, second); !errors.Is(err, account.ErrWrongPassword) {
				t.Errorf("%s with the password %q: %v", x.name, x.current, err)
			}
		}
		for _, name := range []string{"a b", ""} {
			if _, err := change(name, password, second); err == nil {
				t.Errorf("%q has changed a password", name)
			}
		}
		for range 10 { // does not count
			if _, err := change("ann", password, "short"); err == nil || errors.Is(err, account.ErrWrongPassword) {
				t.Fatalf("a short password: %v", err)
			}
		}

		before, err := a.Login(t.Context(), "ann", password, "203.0.113.9")
		if err != nil {
			t.Fatal(err)
		}
		after, err := change("Ann", password, second)
		if err != nil || after.Name != "ann" || after.SessionVersion <= before.SessionVersion {
			t.Fatalf("got %+v, %v, before %+v", after, err, before)
		}
		if u, err := a.Login(t.Context(), "ann", second, "203.0.113.9"); err != nil || u.SessionVersion != after.SessionVersion || !u.HasPassword {
			t.Errorf("a login with the new password: %+v, %v", u, err)
		}
		if bob, err := a.User(t.Context(), "bob"); err != nil || bob.SessionVersion != before.SessionVersion {
			t.Errorf("another user: %+v, %v", bob, err)
		}

		for range 6 {
			_, _ = change("bob", "wrong", second)
		}
		var many *account.TooManyError
		if _, err := change("bob", password, second); !errors.As(err, &many) || !many.Until.Equal(now.Add(time.Second)) {
			t.Errorf("after 6 wrong passwords: %v", err)
		}
		if _, err := a.Login(t.Context(), "bob", password, "203.0.113.9"); !errors.As(err, &many) {
			t.Errorf("a login after 6 wrong passwords: %v", err)
		}
		now = now.Add(time.Second)
		if _, err := change("bob", password, second); err != nil {
			t.Errorf("the right password after the wait: %v", err)
		}
		if entries, err := a.Entries(t.Context(), account.Filter{Actor: "bob", Action: "user.passwd"}); err != nil || len(entries) != 8 || entries[0].Failed != "" {
			t.Errorf("entries %+v, %v", entries, err)
		}
	})
}

// TestChangePasswordMeanwhile changes a user while the current password is being compared.
func TestChangePasswordMeanwhile(t *testing.T) {
	onEach(t, func(t *testing.T, a *account.Accounts) {
		for _, name := range []string{"ann", "bob", "eve", "twin", "new"} {
			user(t, a, name)
		}
		if err := admin(a).SetPassword(t.Context(), "new", "another "+password); err != nil {
			t.Fatal(err)
		}
		other, twin := a.Hash(t, "new"), a.Hash(t, "twin")
		hashing := a.Hashing()
		change := func(name string, meanwhile func()) error {
			t.Helper()
			return during(t, hashing, meanwhile, func() error {
				_, err := a.As(account.Actor{Name: name}).ChangePassword(t.Context(), password, "a third "+password)
				return err
			})
		}
		err := change("ann", func() { a.SetHash(t, "ann", other) })
		if got := a.Hash(t, "ann"); !errors.Is(err, account.ErrWrongPassword) || got != other {
			t.Errorf("the password was changed meanwhile: %v, and the new one is kept: %v", err, got == other)
		}
		before := a.Hash(t, "bob")
		err = change("bob", func() {
			if err := admin(a).Disable(t.Context(), "bob"); err != nil {
				t.Error(err)
			}
		})
		if got := a.Hash(t, "bob"); !errors.Is(err, account.ErrWrongPassword) || got != before {
			t.Errorf("a user who is disabled meanwhile: %v, and the password is kept: %v", err, got == before)
		}
		// A login has rehashed the same password.
		err = change("eve", func() { a.SetHash(t, "eve", twin) })
		if got := a.Hash(t, "eve"); err != nil || got == twin {
			t.Errorf("at the same moment as a login: %v", err)
		}
	})
}

// TestSessionVersion checks which changes of a user end sessions that are saved later.
func TestSessionVersion(t *testing.T) {
	onEach(t, func(t *testing.T, a *account.Accounts) {
		user(t, a, "ann")
		id := account.Identity{Issuer: "https://id.example.org", Subject: "1", Name: "ann", Groups: []string{"reports"}}
		version := func() int64 {
			t.Helper()
			u, err := a.User(t.Context(), "ann")
			if err != nil {
				t.Fatal(err)
			}
			return u.SessionVersion
		}
		for _, x := range []struct {
			what   string
			change func() error
			ends   bool
		}{
			{"login", func() error { _, err := a.Login(t.Context(), "ann", password, ""); return err }, false},
			{"password", func() error { return admin(a).SetPassword(t.Context(), "ann", password) }, true},
			{"link", func() error { return admin(a).Link(t.Context(), "ann", id.Issuer, id.Subject) }, true},
			{"login elsewhere", func() error {
				u, err := a.LoginAs(t.Context(), id, "")
				if err == nil && u.SessionVersion != version() {
					t.Errorf("a login elsewhere has the version %d, want %d", u.SessionVersion, version())
				}
				return err
			}, false},
			{"group", func() error { return admin(a).Leave(t.Context(), "ann", "reports") }, false},
			{"unlink", func() error { return admin(a).Unlink(t.Context(), "ann") }, true},
			{"disable", func() error { return admin(a).Disable(t.Context(), "ann") }, true},
			{"enable", func() error { return admin(a).Enable(t.Context(), "ann") }, false},
		} {
			before := version()
			if err := x.change(); err != nil {
				t.Fatalf("%s: %v", x.what, err)
			}
			if ends := version() > before; ends != x.ends {
				t.Errorf("%s: sessions end: %v, want %v", x.what, ends, x.ends)
			}
		}
	})
}
