package account_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/gomeko/gomeko/panel/account"
)

// TestSession checks when the session of a browser ends.
func TestSession(t *testing.T) {
	onEach(t, func(t *testing.T, a *account.Accounts) {
		now := time.UnixMicro(1_700_000_000_000_000)
		a.SetClock(func() time.Time { return now })
		user(t, a, "ann")
		user(t, a, "bob")
		save := func(token, user, data string, last time.Duration) {
			t.Helper()
			if err := a.SaveSession(t.Context(), account.Session{Token: token, User: user, Data: []byte(data), Expires: now.Add(last)}); err != nil {
				t.Fatal(err)
			}
		}
		want := func(token, data string) {
			t.Helper()
			s, err := a.Session(t.Context(), token)
			switch {
			case err != nil:
				t.Fatal(err)
			case s == nil && data != "", s != nil && !bytes.Equal(s.Data, []byte(data)):
				t.Errorf("session %s: got %+v, want %q", token, s, data)
			}
		}

		save("1", "", "before the login", time.Hour)
		save("2", "ann", "\x00\xff", time.Hour)
		save("3", "ann", "short", time.Minute)
		save("4", "bob", "bob's", time.Hour)
		want("1", "before the login")
		want("2", "\x00\xff")
		want("nobody's", "")
		want("\x00\xff", "")
		update := func(token, data string) error {
			return a.UpdateSession(t.Context(), account.Session{Token: token, User: "ann", Data: []byte(data), Expires: now.Add(time.Hour)})
		}
		if err := update("2", "replaced"); err != nil {
			t.Fatal(err)
		}
		want("2", "replaced")

		now = now.Add(time.Minute)
		want("3", "")
		if err := update("3", "expired"); !errors.Is(err, account.ErrEnded) {
			t.Errorf("a session that has expired: %v", err)
		}
		if err := a.SweepSessions(t.Context()); err != nil {
			t.Fatal(err)
		}
		now = now.Add(-time.Second)
		want("3", "")
		want("2", "replaced")

		if err := admin(a).SetPassword(t.Context(), "ann", "another "+password); err != nil {
			t.Fatal(err)
		}
		want("2", "")
		if err := update("2", "late"); !errors.Is(err, account.ErrEnded) {
			t.Errorf("a session that has ended with its password: %v", err)
		}
		want("2", "")
		want("4", "bob's")
		if err := admin(a).Disable(t.Context(), "bob"); err != nil {
			t.Fatal(err)
		}
		want("4", "")
		want("1", "before the login")
		if err := a.EndSession(t.Context(), "1"); err != nil {
			t.Fatal(err)
		}
		want("1", "")
	})
}

// TestSecret checks that a secret is generated once.
func TestSecret(t *testing.T) {
	onEach(t, func(t *testing.T, a *account.Accounts) {
		for _, mine := range []string{"first", "second"} {
			got, err := a.Secret(t.Context(), "key", func() (string, error) { return mine, nil })
			if err != nil || got != "first" {
				t.Errorf("got %q, %v, want that of the first", got, err)
			}
		}
		wrong := errors.New("no randomness")
		if _, err := a.Secret(t.Context(), "other", func() (string, error) { return "", wrong }); !errors.Is(err, wrong) {
			t.Errorf("got %v, want %v", err, wrong)
		}
	})
}
