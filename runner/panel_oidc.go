package runner

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/gomeko/gomeko/internal/mux"
	"github.com/gomeko/gomeko/panel"
	"github.com/gomeko/gomeko/panel/oidc"
)

// oidcSettings are the keys under gomeko.panel.oidc.
type oidcSettings struct {
	Issuer       string              `yaml:"issuer"`
	ClientID     string              `yaml:"client_id"`
	ClientSecret string              `yaml:"client_secret"` // or @FILE
	Title        string              `yaml:"title"`
	Scopes       []string            `yaml:"scopes"`
	NameClaim    string              `yaml:"name_claim"`
	GroupsClaim  string              `yaml:"groups_claim"`
	Groups       map[string][]string `yaml:"groups"`
	GroupPrefix  string              `yaml:"group_prefix"`
}

// signOn returns the login at an OpenID provider, or nil if none is configured.
func (p *panelSettings) signOn() (panel.SignOn, error) {
	o := p.OIDC
	if o == nil {
		return nil, nil
	}
	u, err := url.Parse(p.URL)
	if err != nil || u.Host == "" || u.Scheme != "https" && !mux.IsLoopback(u.Hostname()) {
		return nil, errors.New("gomeko.panel.url: must be the https address where people reach the panel, as in https://panel.example.org: the provider of gomeko.panel.oidc sends their browsers back there")
	}
	secret, err := fileValue(o.ClientSecret)
	if err != nil {
		return nil, fmt.Errorf("gomeko.panel.oidc.client_secret: %w", err)
	}
	provider, err := oidc.New(oidc.Config{
		Issuer: o.Issuer, ClientID: o.ClientID, ClientSecret: strings.TrimSpace(secret), RedirectURL: strings.TrimSuffix(p.URL, "/") + panel.CallbackPath,
		Title: o.Title, Scopes: o.Scopes, NameClaim: o.NameClaim, GroupsClaim: o.GroupsClaim, Groups: o.Groups, GroupPrefix: o.GroupPrefix,
	})
	if err == nil {
		return provider, nil
	}
	var mistakes []error
	for line := range strings.Lines(err.Error()) {
		mistakes = append(mistakes, errors.New("gomeko.panel.oidc."+strings.TrimPrefix(strings.TrimSuffix(line, "\n"), "oidc: ")))
	}
	return nil, errors.Join(mistakes...)
}
