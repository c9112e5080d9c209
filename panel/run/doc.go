// Package run starts what people ask for in a control panel, calls and jobs, and keeps a history of
// them: the user, the address, the arguments and the outcome.
//
//	runs, err := run.Open(ctx, run.Config{DB: db, Dialect: account.SQLite, Accounts: accounts, Conn: conn, Jobs: jobs, Key: key})
//	defer runs.Close(ctx)
//
//	ann := run.Who{User: user, Address: "203.0.113.7"}
//	x, err := runs.Start(ctx, ann, run.Request{
//		Service: "shop", Row: "Update", Arguments: json.RawMessage(`{"test_only": true}`), Nonce: nonce,
//	})
//	if denied := (*run.DeniedError)(nil); errors.As(err, &denied) {
//		// 403: ann is not in the group denied.Group
//	}
//	states, err := runs.Watch(ctx, ann, x.ID)
//	for x := range states {
//		fmt.Println(x.State, x.Progress, x.Text)
//	}
//
// # What Start does
//
// The row must be an rpc.Method or a jobs.Job with the key allow in its tag, and the user must be
// in all groups of its path. [Runs.Start] records the run together with an entry in the audit
// trail, then sends it with a grant that names the user ([github.com/gomeko/gomeko/panel/grant]).
// Its end is recorded with a second entry. Requests of a user with the same nonce are one run, in
// whatever process of the panel they arrive: so a double click starts nothing twice.
//
// # What happens if the panel dies?
//
// A job goes on: when the panel is back, the history gets its outcome from the store of the jobs. A
// run that was recorded and perhaps not sent, and a call whose answer nobody has received, end as
// [Lost] or [Failed] at the latest half a minute later, with a text that says what is known. They
// never end as [Succeeded]. If the user sends the same form again, a job that was not enqueued
// is enqueued under the same id.
//
// # Who sees what?
//
// Users see their own runs, and members of the group [View] those of others. A run is cancelled by
// whoever sees it and may start its row.
//
// # What is not kept
//
// Of arguments that the service marks as sensitive, the database has only that they were given. Who
// starts such a run again is asked for them again: [Runs.Again] says for which.
// Neither are the texts of errors of such a run, which may quote them: their types are. In other
// errors, secrets are masked.
//
// # Limits
//
// At most [Config].MaxOpen runs of a user are open, and the history has at most [Config].Most of
// each. Processes with different stores of jobs may have the same database: each follows the jobs
// in its own store.
package run
