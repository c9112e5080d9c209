// Package panel serves a web page on which people run services without technical knowledge. After
// logging in, each user sees the rows of the fleet's services that their groups allow. The key
// allow in the tag of a row names the group that may run it.
//
//	p, err := panel.New(ctx, panel.Config{Accounts: accounts, DB: db, Broker: conn})
//	defer p.Close(ctx)
//	err = http.ListenAndServe("127.0.0.1:8080", p)
//
// The command gomeko panel serves it, so most installations need no program. [Module] serves it
// beside the services of a program. Package [github.com/gomeko/gomeko/panel/account] manages users
// and groups.
//
// # What does it ask the broker?
//
// When new instances appear, the panel asks them to describe their services, like gomeko describe.
// It keeps the answers in the database, so a service has a page even while none of its processes
// runs.
//
// # Sessions
//
// Sessions are stored in the database of the accounts. The cookie contains a random token; the
// database has only its hash. The token is replaced at login, and when the user changes the
// password. A session ends [Config.Idle] after the last request, at the latest [Config.Lifetime]
// after the login, and when the user is disabled or their password is changed. If users change
// their own passwords, the session in which they do so goes on.
//
// # Looks
//
// The pages are rendered from the templates in the folder templates of this package.
// [Config.Templates] replaces some of them, and [Config.Title] sets the name of the panel. All
// files are embedded, and browsers load nothing from other hosts. The pages work without
// JavaScript.
package panel
