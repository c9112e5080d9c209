// Package grant is what a control panel signs when a user starts something: who it is, in which
// groups, and what the grant is for. A worker verifies it with a public key, so it need not believe
// whoever can write to the broker.
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
// [Enforce], or the key gomeko.grant_key of the configuration, has the rows of services with the
// key allow refuse what comes without a valid grant. A method finds out with [From] who has started
// it:
//
//	c, err := service.New(service.Config{}, new(Shop), grant.Enforce(keys))
//	…
//	if g := grant.From(ctx); g != nil {
//		log.Info("report", "user", g.User)
//	}
//
// The grant is not passed on: the calls, events and jobs of the method do not carry it.
//
// # How long is a grant valid?
//
// That of an RPC is valid for a minute at most, for any call of its row: for arguments, believe the
// caller. That of a job is valid for the job with its id and its arguments only, and does not
// expire, since a job may wait for days, and run again.
//
// # Keys
//
// Keys are PEM, as openssl writes them:
//
//	openssl genpkey -algorithm ed25519 -out panel.pem
//	openssl pkey -in panel.pem -pubout -out panel.pub
//
// [ParseKeys] takes several public keys in one text. To replace a key, first add the new public key
// at the workers, then give the panel the new key, and remove the old public key when no job waits
// that the old key has signed.
package grant
