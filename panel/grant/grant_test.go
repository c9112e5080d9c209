package grant_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/panel/grant"
)

// rfcKey is the key of RFC 8037, appendix A.1.
func rfcKey(t testing.TB) *grant.Key {
	t.Helper()
	seed, err := base64.RawURLEncoding.DecodeString("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A")
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(ed25519.NewKeyFromSeed(seed))
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
}

func parse(t testing.TB, text string) *grant.Key {
	t.Helper()
	key, err := grant.ParseKey(text)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newKey(t testing.TB) *grant.Key {
	t.Helper()
	key, err := grant.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func keys(t testing.TB, of ...*grant.Key) *grant.Keys {
	t.Helper()
	var text strings.Builder
	for _, key := range of {
		text.WriteString(key.PublicPEM())
	}
	k, err := grant.ParseKeys(text.String())
	if err != nil {
		t.Fatal(err)
	}
	return k
}

var now = time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC)

// forRPC returns a grant for an RPC, and the matching Want.
func forRPC() (grant.Grant, grant.Want) {
	return grant.Grant{
		User: "ann", Groups: []string{"control_panel", "control_panel/reports"}, Service: "shop", Row: "Report",
		Issued: now, Expires: now.Add(grant.Lifetime),
	}, grant.Want{Service: "shop", Row: "Report", Now: now.Add(time.Second)}
}

// forJob returns a grant for a job, and the matching Want.
func forJob() (grant.Grant, grant.Want) {
	hash := grant.Hash([]byte(`{"args": [], "kwargs": {"test_only": true}}`))
	const id = "0d458ce8-3c28-4edd-b720-7ffd49097031"
	return grant.Grant{User: "ann", Superuser: true, Service: "availability", Row: "Update", Job: id, Arguments: hash, Issued: now},
		grant.Want{Service: "availability", Row: "Update", Job: id, Arguments: hash, Now: now.AddDate(1, 0, 0)}
}

func sign(t testing.TB, key *grant.Key, g grant.Grant) string {
	t.Helper()
	text, err := key.Sign(g)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestVector compares a key and a grant with docs/wire/grant.md, whose signatures were verified
// with Python's cryptography.
func TestVector(t *testing.T) {
	text, err := os.ReadFile("../../docs/wire/grant.md")
	if err != nil {
		t.Fatal(err)
	}
	page := strings.ReplaceAll(string(text), "\n", "")
	key := rfcKey(t)
	if got, want := key.ID(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"; got != want { // RFC 8037, appendix A.3
		t.Errorf("got the id %s, want %s", got, want)
	}
	g, _ := forRPC()
	job, _ := forJob()
	for _, want := range []string{key.ID(), sign(t, key, g), sign(t, key, job), strings.ReplaceAll(key.PublicPEM(), "\n", ""), job.Arguments} {
		if !strings.Contains(page, want) {
			t.Errorf("docs/wire/grant.md lacks %s", want)
		}
	}
}

// TestGrant verifies grants, and asks for the groups of paths.
func TestGrant(t *testing.T) {
	old, key := newKey(t), newKey(t)
	for name, of := range map[string]func() (grant.Grant, grant.Want){"rpc": forRPC, "job": forJob} {
		t.Run(name, func(t *testing.T) {
			g, want := of()
			for _, by := range []*grant.Key{old, parse(t, key.PEM())} {
				got, err := keys(t, old, key).Verify(sign(t, by, g), want)
				if err != nil {
					t.Fatal(err)
				}
				got.Issued, got.Expires = got.Issued.UTC(), got.Expires.UTC()
				if !reflect.DeepEqual(*got, g) {
					t.Errorf("got %+v, want %+v", *got, g)
				}
			}
		})
	}
	g, _ := forRPC()
	for path, want := range map[string]string{
		"control_panel": "", "control_panel/reports": "", "control_panel/reports/month": "control_panel/reports/month", "shop/x": "shop", "Control_panel": "Control_panel",
	} {
		if got := g.Missing(path); got != want {
			t.Errorf("%s: got %q missing, want %q", path, got, want)
		}
	}
	g.Superuser = true
	if got := g.Missing("shop/x"); got != "" {
		t.Errorf("a superuser: got %q missing", got)
	}
	if got := grant.Needed([]string{"c/d", "a/b", "a", "a/c"}, "a/b/c"); !reflect.DeepEqual(got, []string{"a", "a/b"}) {
		t.Errorf("got %q needed", got)
	}
}

// TestSize signs a grant for a path of 255 bytes, of a user in 1,000 groups.
func TestSize(t *testing.T) {
	g, want := forRPC()
	path := strings.TrimSuffix(strings.Repeat("control_panel_of_the_shop/", 9), "/")
	g.Groups = []string{}
	for i := range path {
		if path[i] == '/' {
			g.Groups = append(g.Groups, path[:i])
		}
	}
	g.Groups = append(g.Groups, path)
	for i := range 1000 {
		g.Groups = append(g.Groups, fmt.Sprintf("teams/%d", i))
	}
	key := newKey(t)
	if text, err := key.Sign(g); err == nil || !strings.Contains(err.Error(), "the limit is 64") {
		t.Errorf("got %d bytes and %v, want the limit of groups", len(text), err)
	}
	g.Groups = grant.Needed(g.Groups, path)
	text := sign(t, key, g)
	if got, err := keys(t, key).Verify(text, want); err != nil || len(text) > 2<<10 || got.Missing(path) != "" {
		t.Errorf("got %v of %d bytes, want at most 2 KiB", err, len(text))
	}
	g.Groups = nil
	for i := range 20 {
		g.Groups = append(g.Groups, strings.Repeat("é", 100)+fmt.Sprint(i))
	}
	if _, err := key.Sign(g); err == nil || !strings.Contains(err.Error(), "the limit is 4096") {
		t.Errorf("got %v, want the limit of the text", err)
	}
}

// TestRefused verifies grants that are for something else, at another time, signed with another
// key, or changed. The errors say why.
func TestRefused(t *testing.T) {
	key, other := rfcKey(t), newKey(t)
	rpc, wantRPC := forRPC()
	job, wantJob := forJob()
	text, jobText := sign(t, key, rpc), sign(t, key, job)
	parts := strings.Split(text, ".")
	stranger := strings.Split(sign(t, other, rpc), ".")
	encode := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	super := rpc
	super.Superuser = true
	tests := []struct {
		name, text string
		want       grant.Want
		err        error
		says       string
	}{
		{"late", text, grant.Want{Service: "shop", Row: "Report", Now: rpc.Expires}, grant.ErrExpired,
			`grant of "ann": expired at 2026-01-02T15:05:05Z, and it is 2026-01-02T15:05:05Z: start it again, or compare the clocks`},
		{"early", text, grant.Want{Service: "shop", Row: "Report", Now: now.Add(-time.Hour)}, grant.ErrEarly, `issued in the future: at 2026-01-02T15:04:05Z, and it is 2026-01-02T14:04:05Z`},
		{"another row", text, grant.Want{Service: "shop", Row: "Update", Now: now}, grant.ErrElsewhere, `for something else: it is for shop.Report, and is used for shop.Update`},
		{"another service", text, grant.Want{Service: "bank", Row: "Report", Now: now}, grant.ErrElsewhere, `it is for shop.Report, and is used for bank.Report`},
		{"RPC for a job", text, grant.Want{Service: "shop", Row: "Report", Job: "j", Now: now}, grant.ErrElsewhere, `it is for an RPC, and is used for job "j"`},
		{"job for an RPC", jobText, grant.Want{Service: "availability", Row: "Update", Now: now}, grant.ErrElsewhere, `is used for an RPC`},
		{"another job", jobText, grant.Want{Service: "availability", Row: "Update", Job: "j", Arguments: job.Arguments, Now: now}, grant.ErrElsewhere, `and is used for job "j"`},
		{"other arguments", jobText, grant.Want{Service: "availability", Row: "Update", Job: job.Job, Arguments: grant.Hash(nil), Now: now}, grant.ErrElsewhere, `it is for other arguments of job "0d45`},
		{"another key", strings.Join(stranger, "."), wantRPC, grant.ErrUnknownKey, `unknown key "` + other.ID()},
		{"the signature of another key", parts[0] + "." + parts[1] + "." + stranger[2], wantRPC, grant.ErrForged, "it was changed, or not signed with the key " + key.ID()},
		{"other claims", parts[0] + "." + strings.Split(sign(t, other, super), ".")[1] + "." + parts[2], wantRPC, grant.ErrForged, "wrong signature"},
		{"no signature", parts[0] + "." + parts[1] + ".", wantRPC, grant.ErrForged, ""},
		{"a signature in another spelling", text[:len(text)-1] + "B", wantRPC, grant.ErrForged, ""},
		{"no algorithm", encode(`{"alg":"none","typ":"gomeko-grant+jwt","kid":"`+key.ID()+`"}`) + "." + parts[1] + ".", wantRPC, grant.ErrMalformed, `its alg is "none"`},
		{"another token", encode(`{"alg":"EdDSA","typ":"JWT","kid":"`+key.ID()+`"}`) + "." + parts[1] + "." + parts[2], wantRPC, grant.ErrMalformed, `its typ "JWT"`},
		{"an unknown member", encode(`{"alg":"EdDSA","typ":"gomeko-grant+jwt","crit":["x"]}`) + "." + parts[1] + "." + parts[2], wantRPC, grant.ErrMalformed, `unknown field "crit"`},
		{"empty", "", wantRPC, grant.ErrMalformed, "three parts"},
		{"two parts", "a.b", wantRPC, grant.ErrMalformed, "three parts"},
		{"four parts", text + ".", wantRPC, grant.ErrMalformed, "three parts"},
		{"not base64", "a+b." + parts[1] + "." + parts[2], wantRPC, grant.ErrMalformed, "is not base64"},
		{"padded", parts[0] + "=." + parts[1] + "." + parts[2], wantRPC, grant.ErrMalformed, "is not base64"},
		{"large", strings.Repeat("a", 1<<20), wantRPC, grant.ErrMalformed, "has 1048576 bytes, the limit is 4096"},
		{"right", text, wantRPC, nil, ""},
		{"right in a year", jobText, wantJob, nil, ""},
		{"from a clock that is ahead", text, grant.Want{Service: "shop", Row: "Report", Now: now.Add(-30 * time.Second)}, nil, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			g, err := keys(t, key).Verify(test.text, test.want)
			switch {
			case test.err == nil && err != nil:
				t.Error(err)
			case test.err != nil && (g != nil || !errors.Is(err, test.err) || !strings.Contains(err.Error(), test.says)):
				t.Errorf("got %v and %v, want %v: %s", g, err, test.err, test.says)
			}
		})
	}
}

// TestSignMistakes signs invalid grants.
func TestSignMistakes(t *testing.T) {
	key := newKey(t)
	for name, test := range map[string]struct {
		change func(*grant.Grant)
		of     func() (grant.Grant, grant.Want)
		want   string
	}{
		"no user":             {func(g *grant.Grant) { g.User = "" }, forRPC, "has no user"},
		"no row":              {func(g *grant.Grant) { g.Row = "" }, forRPC, "has no row"},
		"a long service":      {func(g *grant.Grant) { g.Service = strings.Repeat("s", 256) }, forRPC, "must be UTF-8 of at most 255 bytes"},
		"bytes":               {func(g *grant.Grant) { g.Groups[0] = "\xff" }, forRPC, "must be UTF-8"},
		"an empty group":      {func(g *grant.Grant) { g.Groups[0] = "" }, forRPC, "a group without a name"},
		"no issue":            {func(g *grant.Grant) { g.Issued = time.Time{} }, forRPC, "in the years 1970 to 9999"},
		"no expiry":           {func(g *grant.Grant) { g.Expires = time.Time{} }, forRPC, "must expire at most 1m0s after it was issued"},
		"two minutes":         {func(g *grant.Grant) { g.Expires = g.Issued.Add(2 * time.Minute) }, forRPC, "expires 120 s after it was issued: it must be 1 to 60 s"},
		"a job that expires":  {func(g *grant.Grant) { g.Expires = g.Issued.Add(time.Second) }, forJob, "must not expire"},
		"a job without hash":  {func(g *grant.Grant) { g.Arguments = "" }, forJob, "has no hash of its arguments"},
		"a hash without job":  {func(g *grant.Grant) { g.Arguments = grant.Hash(nil) }, forRPC, "has a hash of arguments, and no job"},
		"a hash of two bytes": {func(g *grant.Grant) { g.Arguments = "abcd" }, forJob, "has no hash of its arguments"},
	} {
		t.Run(name, func(t *testing.T) {
			g, _ := test.of()
			test.change(&g)
			if _, err := key.Sign(g); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

// TestKeyMistakes reads invalid keys. No error quotes a private key.
func TestKeyMistakes(t *testing.T) {
	key := newKey(t)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	private, _ := x509.MarshalPKCS8PrivateKey(rsaKey)
	public, _ := x509.MarshalPKIXPublicKey(rsaKey.Public())
	block := func(kind string, bytes []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: bytes}))
	}
	for name, test := range map[string]struct {
		text, private, public string // parts of the errors of ParseKey and ParseKeys
	}{
		"nothing":            {" \n", "not PEM", "there are none"},
		"text":               {"secret", "not PEM", "block 1 is not PEM"},
		"the other key":      {key.PublicPEM(), `is PEM of a "PUBLIC KEY"`, ""},
		"a private key":      {key.PEM(), "", "block 1 is a private key, which only the panel may have"},
		"two keys":           {key.PEM() + key.PEM(), "has more after the PEM block", "block 1 is a private key"},
		"RSA":                {block("PRIVATE KEY", private), "must be for Ed25519", "is a private key"},
		"RSA, public":        {key.PublicPEM() + block("PUBLIC KEY", public), "PUBLIC KEY", "block 2 is a *rsa.PublicKey"},
		"a certificate":      {block("CERTIFICATE", nil), `is PEM of a "CERTIFICATE"`, `block 1 is PEM of a "CERTIFICATE"`},
		"damaged":            {block("PRIVATE KEY", []byte("secret")), "cannot be read", "is a private key"},
		"damaged, public":    {block("PUBLIC KEY", []byte("secret")), "PUBLIC KEY", "block 1: "},
		"17 keys":            {strings.Repeat(key.PublicPEM(), 17), "PUBLIC KEY", "there are more than 16"},
		"text after the key": {key.PublicPEM() + "secret", "PUBLIC KEY", "block 2 is not PEM"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := grant.ParseKey(test.text)
			_, errs := grant.ParseKeys(test.text)
			for want, err := range map[string]error{test.private: err, test.public: errs} {
				if (err == nil) != (want == "") || err != nil && (!strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret")) {
					t.Errorf("got %v, want %s", err, want)
				}
			}
		})
	}
	if text := fmt.Sprintf("%v %+v %#v %s", key, key, key, key); strings.Count(text, key.ID()) != 4 || len(text) > 250 {
		t.Errorf("a key is printed as %s", text)
	}
}

// FuzzVerify changes texts of grants. Only texts that were signed are valid.
func FuzzVerify(f *testing.F) {
	key := rfcKey(f)
	rpc, wantRPC := forRPC()
	job, wantJob := forJob()
	signed := map[string]bool{sign(f, key, rpc): true, sign(f, key, job): true}
	for text := range signed {
		f.Add(text)
	}
	f.Add("..")
	f.Add("e30.e30.")
	verifier := keys(f, key)
	f.Fuzz(func(t *testing.T, text string) {
		for _, want := range []grant.Want{wantRPC, wantJob, {}} {
			if g, err := verifier.Verify(text, want); err == nil && !signed[text] {
				t.Errorf("got %+v", g)
			} else if err != nil && len(err.Error()) > 2000 {
				t.Errorf("got an error of %d bytes", len(err.Error()))
			}
		}
	})
}

// FuzzSign signs arbitrary values. What can be signed is equal after verification.
func FuzzSign(f *testing.F) {
	f.Add("ann", "control_panel", "shop", "Report", "", int64(1767366245), uint8(60), false)
	f.Add("<&>\u2028é", "a/b", "s", "R", "id", int64(1), uint8(0), true)
	key := rfcKey(f)
	verifier := keys(f, key)
	f.Fuzz(func(t *testing.T, user, group, service, row, job string, issued int64, life uint8, super bool) {
		g := grant.Grant{User: user, Superuser: super, Groups: []string{group}, Service: service, Row: row, Job: job, Issued: time.Unix(issued, 0)}
		if job == "" {
			g.Expires = g.Issued.Add(time.Duration(life) * time.Second)
		} else {
			g.Arguments = grant.Hash([]byte(job))
		}
		text, err := key.Sign(g)
		if err != nil {
			return
		}
		got, err := verifier.Verify(text, grant.Want{Service: service, Row: row, Job: job, Arguments: g.Arguments, Now: g.Issued})
		if err != nil || !reflect.DeepEqual(*got, g) {
			t.Errorf("got %+v and %v, want %+v", got, err, g)
		}
	})
}
