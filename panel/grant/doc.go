// Package grant signs and verifies grants. A control panel signs a grant when a user starts
// something: it names the user, the user's groups, and what the user may run. A worker verifies it
// with a public key, and so need not trust everybody who can write to the broker.
//
//	key, err := grant.ParseKey(os.Getenv("PANEL_KEY")) // of the panel
//	text, err := key.Sign(grant.Grant{
//		User: "ann", Groups: grant.Needed(groups, "control_panel/reports"),
//		Service: "shop", Row: "Report", Issued: now, Expires: now.Add(grant.Lifetime),
//	})
//	…
//	keys, err := grant.ParseKeys(publicKeys) // of the worker
//	g, err := keys.Verify(text, grant.Want{Service: "shop", Row: "Report"})
//	if err != nil {
//		return err // expired, for another row, …
//	}
//	if missing := g.Missing("control_panel/reports"); missing != "" {
//		// ann is not in that group
//	}
//
// The text is sent as the context data [Data]. Its format is in docs/wire/grant.md.
//
// # How does a worker verify it?
//
// [Enforce], or the key gomeko.grant_key of the configuration, makes the rows of services with the
// key allow reject calls and jobs without a valid grant. In a method, [From] returns the grant, and
// with it the user:
//
//	c, err := service.New(service.Config{}, new(Shop), grant.Enforce(keys))
//	…
//	if g := grant.From(ctx); g != nil {
//		log.Info("report", "user", g.User)
//	}
//
// The grant is not passed on: calls, events and jobs that the method sends do not carry it.
//
// # How long is a grant valid?
//
// The grant of an RPC is valid for at most a minute, for any call of its row. It does not cover the
// arguments, for which a worker trusts the caller. The grant of a job is valid only for the job
// with its id and its arguments. It does not expire, because a job may wait for days and run again.
//
// # Keys
//
// Keys are in PEM, in the format of openssl:
//
//	openssl genpkey -algorithm ed25519 -out panel.pem
//	openssl pkey -in panel.pem -pubout -out panel.pub
//
// [ParseKeys] accepts several public keys in one text. To replace a key, first add the new public
// key to the workers, then give the new key to the panel. Remove the old public key when no waiting
// job has a grant that was signed with the old key.
package grant
