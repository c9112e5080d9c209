package oidc_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oauth2-proxy/mockoidc"

	"github.com/gomeko/gomeko/panel/account"
	"github.com/gomeko/gomeko/panel/oidc"
)

// TestMockOIDC logs in at a foreign provider.
func TestMockOIDC(t *testing.T) {
	t.Parallel()
	m, err := mockoidc.Run()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = m.Shutdown() }()
	m.QueueUser(&mockoidc.MockUser{Subject: "7", PreferredUsername: "Ann", Groups: []string{"gomeko:shop", "gomeko:shop/sales", "other"}})
	client := &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	p, err := oidc.New(oidc.Config{
		Issuer: m.Issuer(), ClientID: m.ClientID, ClientSecret: m.ClientSecret, RedirectURL: "http://127.0.0.1/login/callback",
		Scopes: []string{"profile", "groups"}, GroupsClaim: "groups", GroupPrefix: "gomeko:", Client: client,
	})
	if err != nil {
		t.Fatal(err)
	}
	target, kept, err := p.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	back, err := response.Location()
	if err != nil {
		t.Fatal(err)
	}
	got, err := p.Finish(t.Context(), kept, back.Query())
	if want := fmt.Sprintf("{%s 7 Ann [shop shop/sales]}", m.Issuer()); err != nil || fmt.Sprint(got) != want {
		t.Errorf("got %v, %v, want %s", got, err, want)
	}
	if _, err := p.Finish(t.Context(), kept, back.Query()); !errors.Is(err, account.ErrRefused) {
		t.Errorf("the same code again: got %v, want %v", err, account.ErrRefused)
	}
}

// TestTokens receives all kinds of ID tokens.
func TestTokens(t *testing.T) {
	t.Parallel()
	i, stranger := newIssuer(t), newKey(t)
	public, err := i.key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	type claims = map[string]any
	unsigned := func(algorithm string) func(h, c claims) string {
		return func(h, c claims) string { h["alg"] = algorithm; return text(h, c) + "." }
	}
	for _, test := range []struct {
		name   string
		change claims
		sign   func(header, claims claims) string
		want   string
	}{
		{"right", nil, nil, "7 ann"},
		{"expired", claims{"exp": time.Now().Add(-time.Hour).Unix()}, nil, "token is expired"},
		{"without an expiry", claims{"exp": nil}, nil, "token is expired"},
		{"not yet valid", claims{"nbf": time.Now().Add(time.Hour).Unix()}, nil, "before the nbf"},
		{"of another issuer", claims{"iss": "https://evil.example"}, nil, "different provider"},
		{"for another client", claims{"aud": "other"}, nil, `expected audience "panel"`},
		{"for another client too", claims{"aud": []string{"panel", "other"}}, nil, "the ID token is for"},
		{"for us, by another client", claims{"azp": "other"}, nil, "the ID token is for"},
		{"for us among others", claims{"aud": []string{"panel", "other"}, "azp": "panel"}, nil, "7 ann"},
		{"with another nonce", claims{"nonce": "x"}, nil, "of another login"},
		{"without a nonce", claims{"nonce": nil}, nil, "of another login"},
		{"without a subject", claims{"sub": nil}, nil, "no subject"},
		{"without a name", claims{"preferred_username": nil}, nil, "no claim preferred_username"},
		{"with a name that is not a text", claims{"preferred_username": []int{1}}, nil, "no claim preferred_username"},
		{"signed by somebody else", nil, func(h, c claims) string { return sealed(h, c, stranger) }, "failed to verify"},
		{"with an unknown key", nil, func(h, c claims) string { h["kid"] = "2"; return sealed(h, c, stranger) }, "failed to verify"},
		{"changed", nil, func(h, c claims) string {
			_, signature, _ := strings.Cut(sealed(h, c, i.key)[len(text(h, c)):], ".")
			c["sub"] = "8"
			return text(h, c) + "." + signature
		}, "failed to verify"},
		{"alg none", nil, unsigned("none"), "the ID token is not valid"},
		{"alg nOnE", nil, unsigned("nOnE"), "the ID token is not valid"},
		{"without a signature", nil, unsigned("ES256"), "the ID token is not valid"},
		{"HS256 with the public key", nil, func(h, c claims) string { h["alg"] = "HS256"; return hashed(h, c, public) }, "the ID token is not valid"},
		{"HS256 with the client secret", nil, func(h, c claims) string { h["alg"] = "HS256"; return hashed(h, c, []byte("secret")) }, "the ID token is not valid"},
		{"no token", nil, func(claims, claims) string { return "" }, "the ID token is not valid"},
		{"garbage", nil, func(claims, claims) string { return "a.b.c" }, "the ID token is not valid"},
	} {
		t.Run(test.name, func(t *testing.T) {
			i.change, i.sign, i.userinfo = test.change, test.sign, claims{"sub": "7"}
			p := i.provider(t, nil)
			kept, answer := i.begin(t, p)
			id, err := p.Finish(t.Context(), kept, answer)
			got := id.Subject + " " + id.Name
			if err != nil {
				got = err.Error()
			}
			if !strings.Contains(got, test.want) || err != nil && !errors.Is(err, account.ErrRefused) {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

// TestAnswers receives callbacks that do not belong to a login of this browser.
func TestAnswers(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	p := i.provider(t, nil)
	kept, answer := i.begin(t, p)
	other, otherAnswer := i.begin(t, p)
	with := func(key, value string) url.Values {
		changed := url.Values{"state": answer["state"], "code": answer["code"]}
		changed.Set(key, value)
		return changed
	}
	for _, test := range []struct {
		name, kept string
		answer     url.Values
		want       string
	}{
		{"without a login", "", answer, "this browser has not begun a login"},
		{"damaged", "{", answer, "this browser has not begun a login"},
		{"empty", "{}", url.Values{}, "this browser has not begun a login"},
		{"without a state", kept, with("state", ""), "the answer is to another login"},
		{"another state", kept, with("state", "x"), "the answer is to another login"},
		{"of another browser", kept, otherAnswer, "the answer is to another login"},
		{"another issuer", kept, with("iss", "https://evil.example"), "the answer is of the issuer"},
		{"an error", kept, with("error", "access_denied"), `the provider says "access_denied"`},
		{"an error of another login", kept, url.Values{"state": {"x"}, "error": {"access_denied"}}, "the answer is to another login"},
		{"the code of another login", kept, with("code", otherAnswer.Get("code")), "the provider does not take its code"}, // PKCE
		{"without a code", kept, with("code", ""), "the provider does not take its code"},
	} {
		if _, err := p.Finish(t.Context(), test.kept, test.answer); !errors.Is(err, account.ErrRefused) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %s", test.name, err, test.want)
		}
	}
	if id, err := p.Finish(t.Context(), other, otherAnswer); err != nil || id.Subject != "7" {
		t.Errorf("the right one: got %v, %v", id, err)
	}
}

// TestClaims reads names and groups in the formats of several providers.
func TestClaims(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	type claims = map[string]any
	for _, test := range []struct {
		name             string
		cfg              oidc.Config
		change, userinfo claims
		want             string
	}{
		{"no groups", oidc.Config{}, claims{"groups": []string{"a"}}, nil, "ann <nil>"},
		{"all groups", oidc.Config{GroupsClaim: "groups", GroupPrefix: "*"}, claims{"groups": []any{"shop", "/shop/sales", 7, "a b", ""}}, nil, "ann [shop shop/sales]"},
		{"none", oidc.Config{GroupsClaim: "groups", GroupPrefix: "*"}, nil, claims{"sub": "7"}, "ann []"},
		{"one text", oidc.Config{GroupsClaim: "groups", GroupPrefix: "*"}, claims{"groups": "shop"}, nil, "ann [shop]"},
		{"with a prefix", oidc.Config{GroupsClaim: "groups", GroupPrefix: "/panel/"}, claims{"groups": []string{"/panel/shop", "/panel", "/shop"}}, nil, "ann [shop]"},
		{"mapped", oidc.Config{GroupsClaim: "realm_access.roles", Groups: map[string][]string{"sellers": {"shop", "shop/sales"}}},
			claims{"realm_access": claims{"roles": []string{"sellers", "shop"}}}, nil, "ann [shop shop/sales]"},
		{"with a dot in the name", oidc.Config{GroupsClaim: "https://example.org/groups", GroupPrefix: "*"}, claims{"https://example.org/groups": []string{"shop"}}, nil, "ann [shop]"},
		{"email", oidc.Config{NameClaim: "email"}, claims{"email": "ann@example.org", "email_verified": true}, nil, "ann@example.org <nil>"},
		{"email that is not verified", oidc.Config{NameClaim: "email"}, claims{"email": "root@example.org", "email_verified": false}, nil, "has not verified"},
		{"email of unknown state", oidc.Config{NameClaim: "email"}, claims{"email": "root@example.org"}, nil, "has not verified"},
		{"in the userinfo", oidc.Config{GroupsClaim: "groups", GroupPrefix: "*"}, claims{"preferred_username": nil},
			claims{"sub": "7", "preferred_username": "bea", "groups": []string{"shop"}, "iss": "x"}, "bea [shop]"},
		{"in the userinfo of somebody else", oidc.Config{}, claims{"preferred_username": nil}, claims{"sub": "8", "preferred_username": "bea"}, "somebody else"},
	} {
		t.Run(test.name, func(t *testing.T) {
			i.change, i.userinfo = test.change, test.userinfo
			p := i.provider(t, func(cfg *oidc.Config) {
				cfg.NameClaim, cfg.GroupsClaim, cfg.GroupPrefix, cfg.Groups = test.cfg.NameClaim, test.cfg.GroupsClaim, test.cfg.GroupPrefix, test.cfg.Groups
			})
			kept, answer := i.begin(t, p)
			id, err := p.Finish(t.Context(), kept, answer)
			got := fmt.Sprintf("%s %v", id.Name, id.Groups)
			if id.Groups == nil {
				got = id.Name + " <nil>"
			}
			if err != nil {
				got = err.Error()
			} else if id.Issuer != i.URL || id.Subject != "7" {
				t.Errorf("got %+v", id)
			}
			if !strings.Contains(got, test.want) {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

// TestAway uses an issuer that is unreachable when the panel starts, and during a login.
func TestAway(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	p := i.provider(t, nil)
	set := func(away bool) {
		i.mu.Lock()
		defer i.mu.Unlock()
		i.away = away
	}
	set(true)
	for range 2 {
		if _, _, err := p.Begin(t.Context()); !errors.Is(err, oidc.ErrAway) || errors.Is(err, account.ErrRefused) {
			t.Errorf("got %v, want %v", err, oidc.ErrAway)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	late := i.provider(t, nil)
	if _, _, err := late.Begin(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	set(false)
	kept, answer := i.begin(t, late) // a cancelled request is not a failure
	set(true)
	if _, err := late.Finish(t.Context(), kept, answer); !errors.Is(err, oidc.ErrAway) {
		t.Errorf("got %v, want %v", err, oidc.ErrAway)
	}
	set(false)
	i.answer = func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"id_token":"` + strings.Repeat("x", 2<<20)))
	}
	if _, err := late.Finish(t.Context(), kept, answer); err == nil {
		t.Error("a response without end was read")
	}
}

// scripted answers requests without a network.
type scripted func(*http.Request) (*http.Response, error)

func (s scripted) RoundTrip(r *http.Request) (*http.Response, error) { return s(r) }

// TestDiscoveryAgain counts how often an unreachable provider is asked: once a second, not with
// each click.
func TestDiscoveryAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		p, err := oidc.New(oidc.Config{
			Issuer: "https://id.example.org", ClientID: "panel", RedirectURL: "https://panel.example.org/login/callback",
			Client: &http.Client{Transport: scripted(func(*http.Request) (*http.Response, error) {
				asked++
				return nil, errors.New("no route to host")
			})},
		})
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			if _, _, err := p.Begin(t.Context()); !errors.Is(err, oidc.ErrAway) {
				t.Fatalf("got %v, want %v", err, oidc.ErrAway)
			}
			time.Sleep(100 * time.Millisecond)
		}
		if asked != 2 {
			t.Errorf("asked %d times in 2 s, want 2", asked)
		}
	})
}

// TestMistakes checks the errors of a configuration.
func TestMistakes(t *testing.T) {
	t.Parallel()
	_, err := oidc.New(oidc.Config{Issuer: "http://id.example.org", RedirectURL: "panel", GroupsClaim: "groups"})
	const want = `oidc: issuer: must be https, since passwords and tokens would cross the network unencrypted, not "http://id.example.org"
oidc: client_id: must be the id that the provider has given the panel
oidc: redirect_url: must be a URL, as in https://panel.example.org/login/callback, not "panel"
oidc: group_prefix: must say which groups of groups count: a prefix such as "gomeko:", or "*" for all; or map them with groups`
	if err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
	_, err = oidc.New(oidc.Config{Issuer: "https://id.example.org", ClientID: "x", RedirectURL: "https://x/y", Groups: map[string][]string{"a": {"b c"}}})
	const second = `oidc: groups_claim: must name the claim with the groups, as in groups, if groups or group_prefix is given
oidc: groups: a: group "b c": "b c" must have only letters, digits and . _ -, as in control_panel/dashboard`
	if err == nil || err.Error() != second {
		t.Errorf("got %v\nwant %s", err, second)
	}
}
