// Package run starts calls and jobs for the users of a control panel, and keeps a history of them:
// the user, the address, the arguments and the outcome.
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
// The end of the run gets a second entry. Requests of a user with the same nonce are one run,
// whichever process of the panel receives them, so a double click starts nothing twice.
//
// # What happens if the panel dies?
//
// A job continues, and when the panel is back, the history gets its outcome from the store of the
// jobs. A call whose answer was not received, or a run that may not have been sent, ends as [Lost]
// or [Failed] within half a minute, with a text that says what is known. It never ends as
// [Succeeded]. If the user sends the same form again, a job that was not enqueued is enqueued under
// the same id.
//
// # Who sees what?
//
// Users see their own runs; members of the group [View] also see those of others. Users may cancel
// a run if they can see it and may start its row.
//
// # What is not kept
//
// The database does not contain the values of arguments that the service marks as sensitive, only
// that they were given. To start such a run again, the user must enter them again: [Runs.Again]
// returns their names. The texts of the run's errors are not kept either, because they may quote
// the arguments; the types of the errors are kept. In other errors, secrets are masked.
//
// # Limits
//
// A user may have at most [Config.MaxOpen] open runs, and the history keeps at most [Config.Most]
// runs of each user. Processes with different stores of jobs may share a database: each follows the
// jobs in its own store.
package run
