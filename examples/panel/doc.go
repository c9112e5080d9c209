// Package panel is the shop of examples/shop with a control panel: people in other teams run its
// jobs from a web page, and each can run only what their groups permit.
//
//	go run ./cmd/gomeko run ./examples/panel
//
// It needs nothing else: the broker runs in the process, and SQLite files in the current directory
// hold the jobs and the accounts. Open the address that it prints, and log in as one of the users,
// whose passwords are new at each start:
//
//   - root is a superuser, who may do everything, and sees the pages under Operations.
//   - ann is in the groups of the rows that she needs, and sees jobs and dead letters.
//   - bob is in the group of the prices, shop/products/prices, but not in its parent shop/products.
//     So he may not run them, and the panel says which group he lacks.
//
// # What to try
//
// Update prices and Make the search index share the resource products: start both, and one waits
// for the other. Both show their progress. Import products asks for confirmation. Refund fails
// because the bank refuses it; its page shows the error, and root can retry the job. What was sold
// is a call that answers at once, with a table.
package panel
