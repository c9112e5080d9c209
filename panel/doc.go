// Package panel is a web page from which people run services without technical knowledge: after a
// login, each sees the rows of the fleet's services that their groups allow, by the key allow of
// the rows' tags.
//
//	p, err := panel.New(ctx, panel.Config{Accounts: accounts, DB: db, Broker: conn})
//	defer p.Close(ctx)
//	err = http.ListenAndServe("127.0.0.1:8080", p)
//
// The command gomeko panel serves it, so that most people need no program for it, and [Module]
// serves it beside the services of a program. Users and groups are those of package
// [github.com/gomeko/gomeko/panel/account].
//
// # What does it ask the broker?
//
// The panel asks processes to describe their services, as gomeko describe does, when instances
// appear that it has not seen. It keeps the answers in the database, so that a service has a page
// while none of its processes runs.
//
// # Sessions
//
// Sessions are in the database of the accounts. The cookie has a random token, and the database
// only its hash. The token is replaced at the login. A session ends [Config.Idle] after the last
// request, at the latest [Config.Lifetime] after the login, and when the user's password is changed
// or the user is disabled.
//
// # Looks
//
// The pages are made of the templates in the folder templates of this package. [Config.Templates]
// replaces some of them, and [Config.Title] is the name that people see. All files are embedded:
// browsers load nothing from elsewhere. The pages work without JavaScript.
package panel
