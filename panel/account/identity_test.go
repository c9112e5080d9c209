package account_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gomeko/gomeko/panel/account"
)

const issuer = "https://id.example.org"

// enter logs a user in, and returns the user's name and groups, or the error.
func enter(t *testing.T, a *account.Accounts, id account.Identity) string {
	t.Helper()
	if id.Issuer == "" {
		id.Issuer = issuer
	}
	u, err := a.LoginAs(t.Context(), id, "203.0.113.9")
	if err != nil {
		return err.Error()
	}
	if u.LastLogin.IsZero() || u.Superuser {
		t.Errorf("got %+v", u)
	}
	return fmt.Sprint(u.Name, u.Groups)
}

// TestLoginAs logs in users whom an OpenID provider has confirmed, including some who must not get
// the accounts of others.
func TestLoginAs(t *testing.T) {
	onEach(t, func(t *testing.T, a *account.Accounts) {
		user(t, a, "bob", "shop")
		login := func(subject, name string, groups []string, want string) {
			t.Helper()
			if got := enter(t, a, account.Identity{Subject: subject, Name: name, Groups: groups}); got != want {
				t.Errorf("%s as %s in %q: got %s, want %s", subject, name, groups, got, want)
			}
		}
		login("1", "Ann", []string{"shop/sales", "shop"}, "ann[shop shop/sales]")
		login("1", "ann", []string{"shop", "shop"}, "ann[shop]")
		login("1", "ann", nil, "ann[shop]")
		login("1", "renamed", []string{}, "ann[]")

		// Another person with the name of a user does not get the user's account.
		login("2", "ann", nil, "the login is refused: another account has this name")
		login("2", "bob", []string{"staff"}, "the login is refused: another account has this name")
		login("2", "BOB", nil, "the login is refused: another account has this name")
		if got := enter(t, a, account.Identity{Issuer: "https://evil.example", Subject: "1", Name: "ann"}); got != "the login is refused: another account has this name" {
			t.Errorf("the same subject of another issuer: got %s", got)
		}
		if _, err := a.LoginAs(t.Context(), account.Identity{Issuer: issuer, Subject: "2", Name: "bob"}, ""); !errors.Is(err, account.ErrNameTaken) {
			t.Errorf("got %v, want %v", err, account.ErrNameTaken)
		}
		if _, err := a.Login(t.Context(), "ann", "", "203.0.113.9"); !errors.Is(err, account.ErrDenied) {
			t.Errorf("a login with an empty password: got %v", err)
		}

		// Groups assigned in the panel stay, even if the issuer assigns them too and removes them
		// again.
		if err := admin(a).Join(t.Context(), "ann", "shop/sales"); err != nil {
			t.Fatal(err)
		}
		login("1", "ann", []string{"shop", "new"}, "ann[new shop shop/sales]")
		login("1", "ann", []string{}, "ann[shop shop/sales]")

		login("3", "a b", nil, `the login is refused: user "a b": the name must have 1 to 64 of the characters a-z, 0-9 and . _ - + @`)
		login("3", "", nil, `the login is refused: user "": the name must have 1 to 64 of the characters a-z, 0-9 and . _ - + @`)
		login("3", "zoe", []string{"a b"}, `the login is refused: group "a b": "a b" must have only letters, digits and . _ -, as in control_panel/dashboard`)
		login("", "zoe", nil, `the login is refused: subject "": must be a text of 1 to 255 bytes`)
		login(strings.Repeat("x", 256), "zoe", nil, `the login is refused: subject "`+strings.Repeat("x", 60)+`": must be a text of 1 to 255 bytes`)
		if _, err := a.User(t.Context(), "zoe"); !errors.Is(err, account.ErrUnknown) {
			t.Errorf("a login that failed has added zoe: %v", err)
		}

		if err := admin(a).Disable(t.Context(), "ann"); err != nil {
			t.Fatal(err)
		}
		login("1", "ann", []string{"staff"}, "the login is refused: the user is disabled")
		if u, err := a.User(t.Context(), "ann"); err != nil || slices.Contains(u.Groups, "staff") {
			t.Errorf("got %+v, %v", u, err)
		}
		wantTrail(t, a)
	})
}

// wantTrail checks the entries of the logins in the audit trail.
func wantTrail(t *testing.T, a *account.Accounts) {
	t.Helper()
	entries, err := a.Entries(t.Context(), account.Filter{Object: "ann"})
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	for _, x := range entries {
		if x.Failed != "" {
			x.Action += " failed"
		}
		if x.Action == "login" && (x.Details["issuer"] != issuer || x.Details["subject"] != "1" || x.Actor.Name != "ann") {
			t.Errorf("got %+v", x)
		}
		counts[x.Action]++
	}
	want := map[string]int{"user.add": 1, "login": 6, "login failed": 4, "user.groups": 5, "user.join": 1, "user.disable": 1}
	if fmt.Sprint(counts) != fmt.Sprint(want) {
		t.Errorf("the trail has %v, want %v", counts, want)
	}
}

// TestFirstLogins logs a user in for the first time in several windows at once.
func TestFirstLogins(t *testing.T) {
	onEach(t, func(t *testing.T, a *account.Accounts) {
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				if got := enter(t, a, account.Identity{Subject: "1", Name: "ann", Groups: []string{"shop"}}); got != "ann[shop]" {
					t.Errorf("got %s", got)
				}
			})
		}
		all.Wait()
	})
}

// TestLink lets users of the panel log in elsewhere, and stops them again.
func TestLink(t *testing.T) {
	onEach(t, func(t *testing.T, a *account.Accounts) {
		user(t, a, "bob", "shop")
		user(t, a, "eve")
		session := func(name string) (exists bool) {
			t.Helper()
			if s, err := a.Session(t.Context(), name); err != nil {
				t.Fatal(err)
			} else {
				exists = s != nil
			}
			if err := a.SaveSession(t.Context(), account.Session{Token: name, User: name, Data: []byte{}, Expires: time.Now().Add(time.Hour)}); err != nil {
				t.Fatal(err)
			}
			return exists
		}
		session("bob")
		link := func(name, issuer, subject, want string) {
			t.Helper()
			got := "<nil>"
			if err := admin(a).Link(t.Context(), name, issuer, subject); err != nil {
				got = err.Error()
			}
			if got != want {
				t.Errorf("link %s to %s: got %s, want %s", name, subject, got, want)
			}
		}
		link("Bob", issuer, "1", "<nil>")
		if session("bob") {
			t.Error("the sessions did not end")
		}
		if u, err := a.User(t.Context(), "bob"); err != nil || u.Issuer != issuer || u.Subject != "1" {
			t.Errorf("got %+v, %v", u, err)
		}
		const other = "https://new.example.org"
		enters := func(issuer, subject, want string, groups ...string) {
			t.Helper()
			if got := enter(t, a, account.Identity{Issuer: issuer, Subject: subject, Name: "bob", Groups: groups}); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		}
		enters(issuer, "1", "bob[reports shop]", "shop", "reports")
		link("eve", issuer, "1", `subject "1" of `+issuer+` is user bob: unlink that one first`)
		link("zoe", issuer, "2", "user zoe does not exist")
		link("eve", issuer, "", `subject "": must be a text of 1 to 255 bytes`)

		// The provider has changed: groups assigned by the former one no longer count.
		link("bob", other, "x", "<nil>")
		enters(issuer, "1", "the login is refused: another account has this name")
		enters(other, "x", "bob[shop]")
		enters(other, "x", "bob[sales shop]", "sales")
		session("bob")
		if err := admin(a).Unlink(t.Context(), "bob"); err != nil || session("bob") {
			t.Errorf("unlink: %v, or the sessions did not end", err)
		}
		enters(other, "x", "the login is refused: another account has this name", "sales")
		if u, err := a.User(t.Context(), "bob"); err != nil || fmt.Sprint(u.Groups) != "[shop]" || u.Issuer != "" {
			t.Errorf("got %+v, %v", u, err)
		}
		if err := admin(a).Unlink(t.Context(), "bob"); err == nil || err.Error() != "user bob does not log in elsewhere" {
			t.Errorf("got %v", err)
		}
	})
}
