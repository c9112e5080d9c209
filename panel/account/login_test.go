package account_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/panel/account"
)

// TestLoginMeanwhile changes a user while a login's password is being compared.
func TestLoginMeanwhile(t *testing.T) {
	onEach(t, func(t *testing.T, a *account.Accounts) {
		for _, name := range []string{"ann", "bob", "eve", "twin", "new"} {
			user(t, a, name)
		}
		if err := admin(a).SetPassword(t.Context(), "new", "another "+password); err != nil {
			t.Fatal(err)
		}
		a.SetCost(128) // logins rehash their passwords
		if _, err := a.Login(t.Context(), "twin", password, ""); err != nil {
			t.Fatal(err)
		}
		other, twin := a.Hash(t, "new"), a.Hash(t, "twin")
		hashing := a.Hashing()
		login := func(name string, meanwhile func()) error {
			t.Helper()
			return during(t, hashing, meanwhile, func() error {
				_, err := a.Login(t.Context(), name, password, "203.0.113.9")
				return err
			})
		}
		err := login("ann", func() { a.SetHash(t, "ann", other) })
		if got := a.Hash(t, "ann"); !errors.Is(err, account.ErrDenied) || got != other {
			t.Errorf("a login with the old password: %v, and the new one is kept: %v", err, got == other)
		}
		err = login("bob", func() {
			if err := admin(a).Disable(t.Context(), "bob"); err != nil {
				t.Error(err)
			}
		})
		if bob, findErr := a.User(t.Context(), "bob"); !errors.Is(err, account.ErrDenied) || findErr != nil || !bob.LastLogin.IsZero() {
			t.Errorf("a login of a user who is disabled meanwhile: %v, %+v, %v", err, bob, findErr)
		}
		// Another process has rehashed the same password.
		err = login("eve", func() { a.SetHash(t, "eve", twin) })
		if got := a.Hash(t, "eve"); err != nil || got != twin {
			t.Errorf("a login at the same moment as another one: %v", err)
		}
	})
}

// during calls meanwhile while try hashes its first password, and returns the error of try.
func during(t *testing.T, hashing chan struct{}, meanwhile func(), try func() error) error {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- try() }()
	hosttest.Receive(t, "the password to be compared", hashing)
	meanwhile()
	for {
		select {
		case hashing <- struct{}{}: // ends this one
		case err := <-done:
			return err
		}
		select {
		case <-hashing: // begins the next one
		case err := <-done:
			return err
		}
	}
}

// TestHostileNames logs in with names that cannot be those of a user.
func TestHostileNames(t *testing.T) {
	onEach(t, func(t *testing.T, a *account.Accounts) {
		now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		a.SetClock(func() time.Time { return now })
		long := strings.Repeat("\x00ö", 10_000)
		var many *account.TooManyError
		for i := range 51 {
			if _, err := a.Login(t.Context(), long, password, "203.0.113.9"); !errors.Is(err, account.ErrDenied) {
				t.Fatalf("login %d: %v", i, err)
			}
		}
		if _, err := a.Login(t.Context(), long, password, "203.0.113.9"); !errors.As(err, &many) {
			t.Errorf("after 51 logins that have failed: %v", err)
		}
		_, err := a.LoginAs(t.Context(), account.Identity{Issuer: "https://id.example.org", Subject: "1", Name: long}, "203.0.113.9")
		if !errors.Is(err, account.ErrRefused) {
			t.Errorf("at a provider: %v", err)
		}
		entries, err := a.Entries(t.Context(), account.Filter{Action: "login"})
		if err != nil || len(entries) != 53 {
			t.Fatalf("%d entries, %v", len(entries), err)
		}
		for _, e := range entries {
			if len(e.Actor.Name) > 110 || len(e.Object) > 110 || len(e.Failed) > 1000 || !strings.HasSuffix(e.Object, "ö…") && !strings.HasSuffix(e.Object, "\uFFFD…") {
				t.Errorf("an entry of %d, %d and %d bytes: %.200q", len(e.Actor.Name), len(e.Object), len(e.Failed), e.Object)
			}
		}
	})
}

// TestFlood sends logins and wrong tokens from one address, without pause. The audit trail records
// the flood, but does not grow with each attempt.
func TestFlood(t *testing.T) {
	onEach(t, func(t *testing.T, a *account.Accounts) {
		now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		a.SetClock(func() time.Time { return now })
		flood := func() {
			for range 200 {
				_, _ = a.Login(t.Context(), "a b", "wrong", "203.0.113.9")
				if _, err := a.UserOf(t.Context(), "gomeko_token_x_y", "203.0.113.9"); !errors.Is(err, account.ErrToken) {
					t.Fatal(err)
				}
			}
		}
		want := func(logins, tokens int) {
			t.Helper()
			for action, want := range map[string]int{"login": logins, "token": tokens} {
				entries, err := a.Entries(t.Context(), account.Filter{Action: action, Limit: 1000})
				if err != nil || len(entries) != want {
					t.Errorf("%d entries of a %s, %v; want %d", len(entries), action, err, want)
				}
			}
		}
		flood()
		want(52, 51) // the 52nd login is the first refusal of the delay
		now = now.Add(time.Second)
		flood()
		want(54, 52)
	})
}

// TestNetworks counts failed logins by address, or by network for IPv6.
func TestNetworks(t *testing.T) {
	onEach(t, func(t *testing.T, a *account.Accounts) {
		now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		a.SetClock(func() time.Time { return now })
		for _, x := range []struct {
			form  string
			limit bool // they count as one subject
		}{
			{"2001:db8:0:1::%x", true},
			{"2001:db8:1:%x::1", false},
			{"198.51.100.%d", false},
			{"::ffff:203.0.113.%d", false},
			{"fe80::%x%%eth0", true},
		} {
			refused := 0
			for i := range 60 {
				_, err := a.Login(t.Context(), "a b", "wrong", fmt.Sprintf(x.form, i+1))
				if many := (*account.TooManyError)(nil); errors.As(err, &many) {
					refused++
				}
			}
			if want := map[bool]int{true: 9, false: 0}[x.limit]; refused != want {
				t.Errorf("%s: %d of 60 are refused, want %d", x.form, refused, want)
			}
		}
	})
}

// TestForgotten sweeps failed logins from a day ago.
func TestForgotten(t *testing.T) {
	onEach(t, func(t *testing.T, a *account.Accounts) {
		now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		a.SetClock(func() time.Time { return now })
		_, _ = a.Login(t.Context(), "zoe", "wrong", "203.0.113.9")
		now = now.Add(24 * time.Hour)
		_, _ = a.Login(t.Context(), "ann", "wrong", "203.0.113.8")
		for _, want := range []int{4, 2} {
			if err := a.SweepSessions(t.Context()); err != nil || a.Failures(t) != want {
				t.Errorf("%d failures are kept, want %d: %v", a.Failures(t), want, err)
			}
			now = now.Add(time.Microsecond)
		}
	})
}

// TestLostEntries checks that no action succeeds or is refused without an entry in the audit trail.
func TestLostEntries(t *testing.T) {
	onEach(t, func(t *testing.T, a *account.Accounts) {
		user(t, a, "ann")
		a.DropAudit(t)
		for what, try := range map[string]func() error{
			"right": func() error { _, err := a.Login(t.Context(), "ann", password, ""); return err },
			"wrong": func() error { _, err := a.Login(t.Context(), "ann", "wrong", ""); return err },
			"elsewhere": func() error {
				_, err := a.LoginAs(t.Context(), account.Identity{Issuer: "https://id.example.org", Subject: "1", Name: "ann"}, "")
				return err
			},
			"right password": func() error {
				_, err := a.As(account.Actor{Name: "ann"}).ChangePassword(t.Context(), password, "another "+password)
				return err
			},
			"wrong password": func() error {
				_, err := a.As(account.Actor{Name: "ann"}).ChangePassword(t.Context(), "wrong", "another "+password)
				return err
			},
			"token": func() error { _, err := a.UserOf(t.Context(), "wrong", ""); return err },
		} {
			err := try()
			if err == nil || errors.Is(err, account.ErrDenied) || errors.Is(err, account.ErrRefused) || errors.Is(err, account.ErrToken) || errors.Is(err, account.ErrWrongPassword) ||
				!strings.Contains(err.Error(), "the audit trail has no entry of it") {
				t.Errorf("%s: %v", what, err)
			}
		}
	})
}
