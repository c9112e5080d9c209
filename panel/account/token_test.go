package account_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/panel/account"
)

// TestTokens uses tokens that are valid, wrong, expired or revoked, and one of a disabled user.
func TestTokens(t *testing.T) {
	onEach(t, func(t *testing.T, a *account.Accounts) {
		now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		a.SetClock(func() time.Time { return now })
		user(t, a, "ann", "control")
		token, err := admin(a).AddToken(t.Context(), "Ann", "the nightly job", time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		refused := func(what, token string) {
			t.Helper()
			if u, err := a.UserOf(t.Context(), token, "203.0.113.9"); u != nil || !errors.Is(err, account.ErrToken) {
				t.Errorf("%s: got %v, %v, want ErrToken", what, u, err)
			}
		}
		valid := func() {
			t.Helper()
			if u, err := a.UserOf(t.Context(), token, "203.0.113.9"); err != nil || u.Name != "ann" || u.Missing("control") != "" {
				t.Fatalf("got %+v, %v", u, err)
			}
		}
		valid()
		for _, wrong := range []string{"", "x", token + "x", token[:len(token)-1], strings.ToLower(token), "gomeko_token__", "a\x00b"} {
			refused("wrong", wrong)
		}
		all, err := a.Tokens(t.Context(), "ann")
		if err != nil || len(all) != 1 {
			t.Fatalf("got %v, %v", all, err)
		}
		if x := all[0]; x.User != "ann" || x.Note != "the nightly job" || !x.Used.Equal(now) || x.Address != "203.0.113.9" || !x.Expires.Equal(now.Add(time.Hour)) || !strings.Contains(token, x.ID) {
			t.Errorf("got %+v", x)
		}
		if err := admin(a).Disable(t.Context(), "ann"); err != nil {
			t.Fatal(err)
		}
		refused("disabled", token)
		if err := admin(a).Enable(t.Context(), "ann"); err != nil {
			t.Fatal(err)
		}
		valid()
		now = now.Add(time.Hour)
		refused("expired", token)
		now = now.Add(-time.Minute)
		valid()
		if err := admin(a).RevokeToken(t.Context(), all[0].ID); err != nil {
			t.Fatal(err)
		}
		refused("revoked", token)
		if err := admin(a).RevokeToken(t.Context(), token); !errors.Is(err, account.ErrUnknown) {
			t.Errorf("revoked twice: got %v", err)
		}
		for _, test := range []struct {
			user string
			life time.Duration
			text string
		}{{"bob", 0, "user bob does not exist"}, {"ann", 400 * 24 * time.Hour, "must be at most"}, {"ann", -1, "must be at most"}, {"a b", 0, "must have 1 to 64"}} {
			if token, err := admin(a).AddToken(t.Context(), test.user, "", test.life); token != "" || err == nil || !strings.Contains(err.Error(), test.text) {
				t.Errorf("got %q, %v, want %s", token, err, test.text)
			}
		}
		entries, err := a.Entries(t.Context(), account.Filter{Action: "token"})
		if err != nil || len(entries) != 10 {
			t.Errorf("the audit trail has %d tokens that were refused, %v", len(entries), err)
		}
		for _, e := range entries {
			if secret := token[len(token)-20:]; strings.Contains(e.Object+e.Failed, secret) {
				t.Errorf("the audit trail has the token: %+v", e)
			}
		}
	})
}

// TestTokensEnd ends the tokens of a user by changing the password.
func TestTokensEnd(t *testing.T) {
	onEach(t, func(t *testing.T, a *account.Accounts) {
		tokens := map[string]string{}
		for _, name := range []string{"ann", "bob"} {
			user(t, a, name)
			var err error
			if tokens[name], err = admin(a).AddToken(t.Context(), name, "", 0); err != nil {
				t.Fatal(err)
			}
		}
		if err := admin(a).SetPassword(t.Context(), "ann", "another "+password); err != nil {
			t.Fatal(err)
		}
		if u, err := a.UserOf(t.Context(), tokens["ann"], ""); !errors.Is(err, account.ErrToken) {
			t.Errorf("with a new password, the token is that of %v, %v", u, err)
		}
		if u, err := a.UserOf(t.Context(), tokens["bob"], ""); err != nil || u.Name != "bob" {
			t.Errorf("the token of another user: %v, %v", u, err)
		}
	})
}

// TestWrongTokens checks that the audit trail does not contain texts that are not tokens.
func TestWrongTokens(t *testing.T) {
	onEach(t, func(t *testing.T, a *account.Accounts) {
		for _, x := range []struct{ token, object string }{
			{"hunter2-the-password", ""}, {"hunter2_x", ""}, {"gomeko_token_abcdefghi_x", ""}, {"ABCDEFGHIJ_x", ""}, {"abcdefghi1", ""}, {"abcdefghij\n", ""},
			{"gomeko_token_abcdefgh27_" + strings.Repeat("A", 26), "abcdefgh27"}, {"abcdefgh27", "abcdefgh27"},
		} {
			if _, err := a.UserOf(t.Context(), x.token, ""); !errors.Is(err, account.ErrToken) {
				t.Errorf("%s: %v", x.token, err)
			}
			err := admin(a).RevokeToken(t.Context(), x.token)
			if !errors.Is(err, account.ErrUnknown) || x.object == "" && strings.Contains(err.Error(), x.token) {
				t.Errorf("%s: %v", x.token, err)
			}
			entries, err := a.Entries(t.Context(), account.Filter{Limit: 2})
			if err != nil || len(entries) != 2 {
				t.Fatal(entries, err)
			}
			for _, e := range entries {
				if e.Object != x.object || x.object == "" && strings.Contains(e.Failed, x.token) {
					t.Errorf("%s: %+v", x.token, e)
				}
			}
		}
	})
}
