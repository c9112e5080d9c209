package oidc

import (
	"strings"

	"github.com/gomeko/gomeko/panel/account"
)

// identity returns the user whom claims describe.
func (p *Provider) identity(claims map[string]any) (account.Identity, error) {
	issuer, _ := claims["iss"].(string)
	subject, _ := claims["sub"].(string)
	name, _ := claims[p.cfg.NameClaim].(string)
	switch {
	case subject == "":
		return account.Identity{}, refused("the ID token has no subject")
	case name == "":
		return account.Identity{}, refused("the provider does not say the name: it has no claim %s: ask for its scope, or name another claim", p.cfg.NameClaim)
	case p.cfg.NameClaim == "email" && claims["email_verified"] != true && claims["email_verified"] != "true":
		return account.Identity{}, refused("the provider has not verified the address %.200q", name)
	}
	id := account.Identity{Issuer: issuer, Subject: subject, Name: name}
	if p.cfg.GroupsClaim != "" {
		id.Groups = p.groups(claims)
	}
	return id, nil
}

// groups returns the groups of the panel that claims assign.
func (p *Provider) groups(claims map[string]any) []string {
	groups := []string{}
	add := func(group string) {
		if err := account.CheckPath(group); err != nil {
			p.log.Warn("a group of the OpenID provider is left out", "subject", claims["sub"], "err", err)
			return
		}
		groups = append(groups, group)
	}
	for _, name := range texts(claim(claims, p.cfg.GroupsClaim)) {
		for _, group := range p.cfg.Groups[name] {
			add(group)
		}
		switch rest, ok := strings.CutPrefix(name, p.cfg.GroupPrefix); {
		case p.cfg.GroupPrefix == "*":
			add(strings.TrimPrefix(name, "/")) // as Keycloak writes paths
		case p.cfg.GroupPrefix != "" && ok:
			add(rest)
		}
	}
	return groups
}

// claim returns the claim with this name or, if there is none, the one to which the path leads.
func claim(claims map[string]any, path string) any {
	if value, ok := claims[path]; ok {
		return value
	}
	first, rest, nested := strings.Cut(path, ".")
	inner, ok := claims[first].(map[string]any)
	if !nested || !ok {
		return nil
	}
	return claim(inner, rest)
}

// texts returns the texts in a claim, which may be a text or a list of texts.
func texts(value any) (all []string) {
	switch value := value.(type) {
	case string:
		return []string{value}
	case []any:
		for _, v := range value {
			if text, ok := v.(string); ok {
				all = append(all, text)
			}
		}
	}
	return all
}
