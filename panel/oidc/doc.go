// Package oidc lets people log in to a control panel with an account that they have elsewhere: at
// an OpenID provider, such as Keycloak, Entra ID, Okta or Google.
//
//	provider, err := oidc.New(oidc.Config{
//		Issuer: "https://id.example.org/realms/staff", ClientID: "panel", ClientSecret: secret,
//		RedirectURL: "https://panel.example.org" + panel.CallbackPath,
//	})
//	p, err := panel.New(ctx, panel.Config{Accounts: accounts, DB: db, SignOn: provider})
//
// The panel begins a login with [Provider.Begin], which returns where to send the browser, and what
// to keep in its session. When the browser is back, [Provider.Finish] returns who it is.
//
// # Who gets which account?
//
// The issuer and the claim sub of the ID token say who somebody is. The first login adds a user;
// its name is that of the claim [Config.NameClaim] then, and stays. If another account has the
// name, the login is refused: nobody gets an account because the provider lets people choose their
// names. Somebody who may log in at the provider may log in at the panel, and has no groups there
// unless they are given.
//
// # Groups
//
// The claim [Config.GroupsClaim] has groups of the provider. [Config.Groups] maps them to paths of
// the panel, and [Config.GroupPrefix] selects others, without the prefix. All other groups of the
// provider do not matter. The user's groups are those of the latest login: whoever loses one at the
// provider has it at the panel until the next login. Somebody who must leave at once is disabled at
// the panel.
//
// # Security
//
// The login is the authorization code flow with PKCE. State, nonce and code verifier are new for
// each login, and are in the session of the browser that has begun it: a callback in another
// browser is refused. ID tokens are verified with the keys that the issuer publishes. Only
// asymmetric signatures count.
package oidc
