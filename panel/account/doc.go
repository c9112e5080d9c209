// Package account keeps the accounts of a control panel in a database: users, nested groups, failed
// logins, and an audit trail of all actions.
//
//	accounts, err := account.Open(ctx, db, account.SQLite)
//	admin := accounts.As(account.Actor{Name: "root", Address: "203.0.113.7"})
//	err = admin.AddUser(ctx, account.NewUser{Name: "ann", Password: "correct horse battery"})
//	err = admin.Join(ctx, "ann", "control_panel/dashboard")
//	…
//	user, err := accounts.Login(ctx, "ann", "correct horse battery", "203.0.113.7")
//	if missing := user.Missing("control_panel/dashboard/reports"); missing != "" {
//		// 403: ann is not in the group control_panel/dashboard/reports
//	}
//
// # Groups
//
// A group is a path, such as control_panel/dashboard. To do what a path allows, a user must be in
// this group and in all groups above it. If a user leaves a group, everything below it is locked
// until the user is in the group again. A superuser may do everything.
//
// # Audit
//
// Changes are methods of an [Editor], which knows who makes them. A change and its entry in the
// audit trail are written in one transaction.
//
// # Passwords
//
// Passwords are hashed with argon2id, with the parameters that OWASP recommends
// (https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html).
// [Accounts.Login] and [Editor.ChangePassword] limit guesses per user and per address, across all
// processes that use the database. IPv6 addresses count by their /64 network. A new password ends
// the sessions and the tokens of its user.
package account
