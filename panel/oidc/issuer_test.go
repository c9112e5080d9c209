package oidc_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gomeko/gomeko/panel/oidc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var encoding = base64.RawURLEncoding

// An issuer is a provider controlled by a test. mockoidc is one that always behaves correctly.
type issuer struct {
	*httptest.Server
	key *ecdsa.PrivateKey

	mu        sync.Mutex
	away      bool
	challenge string         // of the current login
	change    map[string]any // claims of the ID token to change; nil removes one
	userinfo  map[string]any
	sign      func(header, claims map[string]any) string // returns the ID token
	answer    http.HandlerFunc                           // of the token endpoint, to replace its answer
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	i := &issuer{key: newKey(t)}
	i.Server = httptest.NewServer(i)
	t.Cleanup(i.Close)
	return i
}

func (i *issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.away {
		http.Error(w, "later", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	tell := func(v any) { _ = json.NewEncoder(w).Encode(v) }
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		tell(map[string]any{
			"issuer": i.URL, "authorization_endpoint": i.URL + "/authorize", "token_endpoint": i.URL + "/token", "jwks_uri": i.URL + "/keys",
			"userinfo_endpoint": i.URL + "/userinfo", "id_token_signing_alg_values_supported": []string{"ES256", "HS256", "none"},
		})
	case "/keys":
		public, err := i.key.PublicKey.Bytes()
		if err != nil {
			panic(err)
		}
		tell(map[string]any{"keys": []any{map[string]any{
			"kty": "EC", "crv": "P-256", "kid": "1", "use": "sig", "x": encoding.EncodeToString(public[1:33]), "y": encoding.EncodeToString(public[33:]),
		}}})
	case "/userinfo":
		tell(i.userinfo)
	case "/token":
		i.token(w, r)
	default:
		http.NotFound(w, r)
	}
}

// token exchanges the code, which equals the nonce.
func (i *issuer) token(w http.ResponseWriter, r *http.Request) {
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	switch {
	case i.answer != nil:
		i.answer(w, r)
		return
	case encoding.EncodeToString(sum[:]) != i.challenge:
		http.Error(w, `{"error":"invalid_grant"}`, http.StatusBadRequest)
		return
	}
	claims := map[string]any{
		"iss": i.URL, "sub": "7", "aud": "panel", "iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix(),
		"nonce": r.PostFormValue("code"), "preferred_username": "ann",
	}
	maps.Copy(claims, i.change)
	maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
	sign := i.sign
	if sign == nil {
		sign = func(header, claims map[string]any) string { return sealed(header, claims, i.key) }
	}
	_ = json.NewEncoder(w).Encode(map[string]any{
		"access_token": "a", "token_type": "Bearer", "id_token": sign(map[string]any{"alg": "ES256", "kid": "1", "typ": "JWT"}, claims),
	})
}

// text returns the part of a token that is signed.
func text(header, claims map[string]any) string {
	h, _ := json.Marshal(header)
	c, _ := json.Marshal(claims)
	return encoding.EncodeToString(h) + "." + encoding.EncodeToString(c)
}

// sealed returns a token signed with ES256.
func sealed(header, claims map[string]any, key *ecdsa.PrivateKey) string {
	signed := text(header, claims)
	sum := sha256.Sum256([]byte(signed))
	r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
	if err != nil {
		panic(err)
	}
	signature := make([]byte, 64)
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return signed + "." + encoding.EncodeToString(signature)
}

// hashed returns a token signed with HS256.
func hashed(header, claims map[string]any, secret []byte) string {
	signed := text(header, claims)
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(signed))
	return signed + "." + encoding.EncodeToString(mac.Sum(nil))
}

// provider returns a Provider for the issuer.
func (i *issuer) provider(t *testing.T, change func(*oidc.Config)) *oidc.Provider {
	t.Helper()
	cfg := oidc.Config{Issuer: i.URL, ClientID: "panel", ClientSecret: "secret", RedirectURL: "http://127.0.0.1/login/callback", Client: i.Client()}
	if change != nil {
		change(&cfg)
	}
	p, err := oidc.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// begin begins a login like a browser. It returns the kept state, and the callback's query.
func (i *issuer) begin(t *testing.T, p *oidc.Provider) (kept string, answer url.Values) {
	t.Helper()
	target, kept, err := p.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	if q.Get("code_challenge_method") != "S256" || q.Get("response_type") != "code" || q.Get("redirect_uri") != "http://127.0.0.1/login/callback" {
		t.Errorf("got the target %s", target)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.challenge = q.Get("code_challenge")
	return kept, url.Values{"state": {q.Get("state")}, "code": {q.Get("nonce")}}
}
