// Package oidc lets users log in to a control panel with an account at an OpenID provider, such as
// Keycloak, Entra ID, Okta or Google.
//
//	provider, err := oidc.New(oidc.Config{
//		Issuer: "https://id.example.org/realms/staff", ClientID: "panel", ClientSecret: secret,
//		RedirectURL: "https://panel.example.org" + panel.CallbackPath,
//	})
//	p, err := panel.New(ctx, panel.Config{Accounts: accounts, DB: db, SignOn: provider})
//
// The panel begins a login with [Provider.Begin], which returns the URL to which to send the
// browser, and state to keep in its session. When the browser returns, [Provider.Finish] returns
// the user's identity.
//
// # Who gets which account?
//
// The issuer and the claim sub of the ID token identify a user. The first login adds a user, named
// by the claim [Config.NameClaim]; later logins do not change the name. If another account has the
// name, the login is refused, because at some providers people can choose their names. Everybody
// who may log in at the provider may log in at the panel, but has no groups there until some are
// assigned.
//
// # Groups
//
// The claim [Config.GroupsClaim] lists groups of the provider. [Config.Groups] maps them to groups
// of the panel, and [Config.GroupPrefix] selects others, whose prefix is removed. All other groups
// are ignored. A user's groups are those of the latest login: a user who loses a group at the
// provider keeps it in the panel until the next login. To lock out a user at once, disable the user
// in the panel.
//
// # Security
//
// The login is the authorization code flow with PKCE. State, nonce and code verifier are new for
// each login and kept in the session of the browser that began it, so a callback in another browser
// is refused. ID tokens are verified with the keys that the issuer publishes. Only asymmetric
// signatures are accepted.
package oidc
