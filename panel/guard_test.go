package panel_test

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/panel"
	"github.com/gomeko/gomeko/panel/account"
)

// TestHeaders checks the headers that restrict what browsers do with a page.
func TestHeaders(t *testing.T) {
	t.Parallel()
	s := newStage(t, panel.Config{}, nil, "")
	s.user("ann")
	b := s.as("ann")
	pages := map[string]*page{"page": b.get("/"), "fault": b.get("/nothing"), "login": s.browser().get("/login"), "redirect": s.browser().get("/")}
	b.header.Set("Sec-Fetch-Site", "cross-site")
	pages["refused"] = b.post("/logout", "")
	for name, p := range pages {
		for header, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin",
			"Cache-Control": "no-store", "Cross-Origin-Opener-Policy": "same-origin",
		} {
			if got := p.Header.Values(header); len(got) != 1 || got[0] != want {
				t.Errorf("%s: %s: got %q, want %q", name, header, got, want)
			}
		}
		policy := p.Header.Get("Content-Security-Policy")
		for _, part := range []string{"default-src 'none'", "script-src 'self';", "style-src 'self';", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"} {
			if !strings.Contains(policy, part) {
				t.Errorf("%s: the policy lacks %s: %s", name, part, policy)
			}
		}
		for _, inline := range []string{"<style", " style=", " onclick=", " onload=", "javascript:"} {
			p.lacks(inline)
		}
	}
	if strings.Contains(pages["page"].Header.Get("Strict-Transport-Security"), "max-age") {
		t.Error("HTTP has Strict-Transport-Security")
	}
}

// TestCookies checks the cookie of a session, with and without TLS.
func TestCookies(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"":                           "gomeko_panel=…; Path=/; HttpOnly; SameSite=Lax",
		"https://panel.example.org/": "__Host-gomeko_panel=…; Path=/; HttpOnly; Secure; SameSite=Lax",
	} {
		s := newStage(t, panel.Config{URL: address}, nil, "")
		s.user("ann")
		p := s.browser().post("/login", "name=ann&password="+url.QueryEscape(password))
		got := p.Header.Get("Set-Cookie")
		name, rest, _ := strings.Cut(got, "=")
		_, rest, _ = strings.Cut(rest, ";")
		if got := name + "=…;" + rest; got != want {
			t.Errorf("%q: got %s, want %s", address, got, want)
		}
		if hsts := p.Header.Get("Strict-Transport-Security"); (hsts != "") != (address != "") {
			t.Errorf("%q: Strict-Transport-Security: %q", address, hsts)
		}
	}
}

// TestForeignPages checks that pages of other origins change nothing.
func TestForeignPages(t *testing.T) {
	t.Parallel()
	const public = "https://panel.example.org"
	s := newStage(t, panel.Config{}, nil, "")
	for name, x := range map[string]struct {
		header, value string
		status        int
	}{
		"cross-site":       {"Sec-Fetch-Site", "cross-site", http.StatusForbidden},
		"same-site":        {"Sec-Fetch-Site", "same-site", http.StatusForbidden},
		"same-origin":      {"Sec-Fetch-Site", "same-origin", http.StatusSeeOther},
		"typed":            {"Sec-Fetch-Site", "none", http.StatusSeeOther},
		"another origin":   {"Origin", "https://evil.example", http.StatusForbidden},
		"no origin":        {"Origin", "null", http.StatusForbidden},
		"its origin":       {"Origin", s.url, http.StatusSeeOther},
		"a public address": {"Origin", public, http.StatusForbidden},
		"curl":             {"Accept", "*/*", http.StatusSeeOther},
	} {
		b := s.browser()
		b.header.Set(x.header, x.value)
		text := ""
		if x.status == http.StatusForbidden {
			text = "This came from another page"
		}
		if p := b.post("/logout", ""); p.StatusCode != x.status || !strings.Contains(p.text(), text) {
			t.Errorf("%s: got %d %s, want %d", name, p.StatusCode, p.text(), x.status)
		}
	}

	// Behind a proxy that changes the host, the configured address is that of the panel.
	_, s.url = s.serve(panel.Config{Accounts: s.accounts, DB: s.db, URL: public})
	b := s.browser()
	b.header.Set("Origin", public)
	b.post("/logout", "").leadsTo("/login")
}

// TestProxies checks the address of a login behind proxies.
func TestProxies(t *testing.T) {
	t.Parallel()
	s := newStage(t, panel.Config{}, nil, "")
	for _, x := range []struct{ proxies, forwarded, want string }{
		{"", "203.0.113.7", "127.0.0.1"},
		{"127.0.0.0/8", "203.0.113.7", "203.0.113.7"},
		{"127.0.0.0/8", "198.51.100.1, 203.0.113.7", "203.0.113.7"},
		{"127.0.0.0/8 203.0.113.0/24", "198.51.100.1, 203.0.113.7", "198.51.100.1"},
		{"127.0.0.0/8", "203.0.113.7:4711", "203.0.113.7"},
		{"127.0.0.0/8", "198.51.100.1, 2001:db8::1", "2001:db8::1"},
		{"127.0.0.0/8", "198.51.100.1, [2001:db8::1]:4711", "2001:db8::1"},
		{"127.0.0.0/8", "[2001:db8::1]", "2001:db8::1"},
		{"127.0.0.0/8", "fe80::1%forged", "fe80::1"},
		{"127.0.0.0/8", "[::ffff:203.0.113.7]:4711", "203.0.113.7"},
		{"127.0.0.1/32 203.0.113.0/24", "198.51.100.1:1, 203.0.113.7:2", "198.51.100.1"},
		{"127.0.0.0/8", "198.51.100.1, 203.0.113.7:", "127.0.0.1"},
		{"127.0.0.0/8", "forged, nonsense", "127.0.0.1"},
		{"127.0.0.0/8", "", "127.0.0.1"},
	} {
		cfg := panel.Config{Accounts: s.accounts, DB: s.db}
		for _, p := range strings.Fields(x.proxies) {
			cfg.Proxies = append(cfg.Proxies, netip.MustParsePrefix(p))
		}
		_, s.url = s.serve(cfg)
		b := s.browser()
		b.header.Set("X-Forwarded-For", x.forwarded)
		b.post("/login", "name=+&password=wrong").want(http.StatusUnauthorized, "")
		entries, err := s.accounts.Entries(t.Context(), account.Filter{Action: "login", Limit: 1})
		if err != nil || len(entries) != 1 || entries[0].Actor.Address != x.want {
			t.Errorf("%+v: got %+v, %v", x, entries, err)
		}
	}
}

// TestLargeForm checks the limit of a form's size.
func TestLargeForm(t *testing.T) {
	t.Parallel()
	s := newStage(t, panel.Config{}, nil, "")
	s.browser().post("/login", "name="+strings.Repeat("a", 2<<20)).want(http.StatusRequestEntityTooLarge, "This is too much")
	s.browser().post("/login", "name=%zz").want(http.StatusBadRequest, "The form cannot be read")
}
