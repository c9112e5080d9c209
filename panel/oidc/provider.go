package oidc

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/gomeko/gomeko/internal/clip"
	"github.com/gomeko/gomeko/panel/account"
)

// ErrAway means that the provider does not answer, or not like an OpenID provider.
var ErrAway = errors.New("the OpenID provider does not answer")

const (
	// loginTime is how long a login at the provider may take.
	loginTime = 15 * time.Minute

	// tryAgain is how long to wait after a provider has not answered.
	tryAgain = time.Second
)

// A Provider lets users log in at an OpenID provider. Several goroutines may use it.
type Provider struct {
	cfg    Config
	client *http.Client
	log    *slog.Logger
	now    func() time.Time

	mu sync.Mutex

	found  *oidc.Provider // nil until it answered
	tried  time.Time
	failed error
}

// New returns a Provider for cfg. It sends no request, because the provider may be unreachable when
// the panel starts; the first login does. The error contains all mistakes in cfg.
func New(cfg Config) (*Provider, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	cfg.Title, cfg.NameClaim = cmp.Or(cfg.Title, defaultTitle), cmp.Or(cfg.NameClaim, defaultNameClaim)
	if cfg.Scopes == nil {
		cfg.Scopes = []string{"profile", "email"}
	}
	p := &Provider{cfg: cfg, client: cfg.client(), log: cfg.Logger, now: time.Now}
	if p.log == nil {
		p.log = slog.Default()
	}
	return p, nil
}

// Title returns the text of the login button.
func (p *Provider) Title() string { return p.cfg.Title }

// discover returns the provider's endpoints and keys. If it has just failed to answer, it is not
// asked again.
func (p *Provider) discover(ctx context.Context) (*oidc.Provider, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.found != nil {
		return p.found, nil
	}
	if p.failed != nil && p.now().Sub(p.tried) < tryAgain {
		return nil, p.failed
	}
	// The provider uses the client in this context to fetch keys, but not the context's end.
	found, err := oidc.NewProvider(oidc.ClientContext(ctx, p.client), p.cfg.Issuer)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	p.tried, p.found, p.failed = p.now(), found, nil
	if err != nil {
		p.found, p.failed = nil, fmt.Errorf("%w: %s", ErrAway, short(err))
	}
	return p.found, p.failed
}

// oauth returns the configuration of the OAuth client for the provider's endpoints.
func (p *Provider) oauth(found *oidc.Provider) *oauth2.Config {
	return &oauth2.Config{
		ClientID: p.cfg.ClientID, ClientSecret: p.cfg.ClientSecret, Endpoint: found.Endpoint(), RedirectURL: p.cfg.RedirectURL,
		Scopes: append([]string{oidc.ScopeOpenID}, p.cfg.Scopes...),
	}
}

// A pending is a login that a browser has begun.
type pending struct {
	State    string
	Nonce    string
	Verifier string
	Until    time.Time
}

// Begin begins a login. It returns the page of the provider to which to send the browser, and the
// state for [Provider.Finish], which must be kept only in the browser's session. The error is
// [ErrAway] if the provider cannot be reached.
func (p *Provider) Begin(ctx context.Context) (target, kept string, err error) {
	found, err := p.discover(ctx)
	if err != nil {
		return "", "", err
	}
	begun := pending{rand.Text(), rand.Text(), oauth2.GenerateVerifier(), p.now().Add(loginTime)}
	text, err := json.Marshal(begun)
	if err != nil {
		return "", "", err
	}
	return p.oauth(found).AuthCodeURL(begun.State, oidc.Nonce(begun.Nonce), oauth2.S256ChallengeOption(begun.Verifier)), string(text), nil
}

// refused returns an [account.ErrRefused] with a reason.
func refused(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{account.ErrRefused}, args...)...)
}

// short returns the text of an error that may quote the provider.
func short(err error) string { return clip.Text(err.Error(), maxText) }

// maxText limits the bytes of a provider's error that are shown.
const maxText = 500

// Finish returns the identity of the user who has logged in. answer is the query of the callback,
// and kept is the state that Begin returned for this browser, or "" if its session has none. The
// state must be used only once. The error is [account.ErrRefused], or [ErrAway] if the provider
// cannot be reached.
func (p *Provider) Finish(ctx context.Context, kept string, answer url.Values) (account.Identity, error) {
	var none account.Identity
	var begun pending
	if err := json.Unmarshal([]byte(kept), &begun); err != nil || begun.State == "" {
		return none, refused("this browser has not begun a login, or has finished it")
	}
	if subtle.ConstantTimeCompare([]byte(begun.State), []byte(answer.Get("state"))) != 1 {
		return none, refused("the answer is to another login")
	}
	if iss := answer.Get("iss"); iss != "" && iss != p.cfg.Issuer { // RFC 9207
		return none, refused("the answer is of the issuer %.200q", iss)
	}
	if p.now().After(begun.Until) {
		return none, refused("it has taken more than %s", loginTime)
	}
	if code := answer.Get("error"); code != "" {
		return none, refused("the provider says %.100q %.500q", code, answer.Get("error_description"))
	}
	found, err := p.discover(ctx)
	if err != nil {
		return none, err
	}
	ctx = oidc.ClientContext(ctx, p.client)
	token, err := p.oauth(found).Exchange(ctx, answer.Get("code"), oauth2.VerifierOption(begun.Verifier))
	if err != nil {
		return none, exchangeError(err)
	}
	claims, err := p.verify(ctx, found, token, begun.Nonce)
	if err != nil {
		return none, err
	}
	return p.identity(claims)
}

// exchangeError returns the error for a code that the provider does not exchange for a token.
func exchangeError(err error) error {
	var answered *oauth2.RetrieveError
	if errors.As(err, &answered) && answered.Response.StatusCode < http.StatusInternalServerError {
		return refused("the provider does not take its code: %s", short(err))
	}
	return fmt.Errorf("%w: %s", ErrAway, short(err))
}

// verify returns the claims of an ID token, if it is valid and belongs to this login.
func (p *Provider) verify(ctx context.Context, found *oidc.Provider, token *oauth2.Token, nonce string) (claims map[string]any, err error) {
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return nil, refused("the provider has sent no ID token")
	}
	id, err := found.Verifier(&oidc.Config{ClientID: p.cfg.ClientID, Now: p.now}).Verify(ctx, raw)
	if err != nil {
		return nil, refused("the ID token is not valid: %s", short(err))
	}
	if subtle.ConstantTimeCompare([]byte(nonce), []byte(id.Nonce)) != 1 {
		return nil, refused("the ID token is of another login")
	}
	if err := id.Claims(&claims); err != nil {
		return nil, refused("the claims of the ID token cannot be read: %w", err)
	}
	if party, _ := claims["azp"].(string); len(id.Audience) > 1 && party == "" || party != "" && party != p.cfg.ClientID {
		return nil, refused("the ID token is for %.200q", append(slices.Clone(id.Audience), party))
	}
	claims["iss"], claims["sub"] = id.Issuer, id.Subject
	return p.complete(ctx, found, token, claims)
}

// complete adds claims that are only in the provider's userinfo.
func (p *Provider) complete(ctx context.Context, found *oidc.Provider, token *oauth2.Token, claims map[string]any) (map[string]any, error) {
	enough := claims[p.cfg.NameClaim] != nil && (p.cfg.GroupsClaim == "" || claim(claims, p.cfg.GroupsClaim) != nil)
	if enough || found.UserInfoEndpoint() == "" {
		return claims, nil
	}
	info, err := found.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return nil, fmt.Errorf("%w: userinfo: %s", ErrAway, short(err))
	}
	if info.Subject != claims["sub"] {
		return nil, refused("the userinfo is of somebody else")
	}
	var more map[string]any
	if err := info.Claims(&more); err != nil {
		return nil, refused("the userinfo cannot be read: %w", err)
	}
	for name, value := range more {
		if _, has := claims[name]; !has {
			claims[name] = value
		}
	}
	return claims, nil
}
