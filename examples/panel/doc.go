// Package panel is the shop of examples/shop with its control panel: people of other teams run its
// jobs from a web page, each only what they may.
//
//	go run ./cmd/gomeko run ./examples/panel
//
// It needs nothing else: the broker is in the process, and SQLite files in the folder have the jobs
// and the accounts. Open the address that it prints, and log in as one of the users, whose
// passwords are new with each start:
//
//   - root is a superuser, who may do everything, and sees the pages under Operations.
//   - ann is in the groups of the rows that she needs, and sees jobs and dead letters.
//   - bob is in the group of the prices, shop/products/prices, but not in shop/products above it. So
//     he may not run them, and the panel says which group he lacks.
//
// # What to try
//
// Update prices and Make the search index share the resource products: start both, and one waits
// for the other. Both show their progress. Import products asks first. Refund fails, since the bank
// does not like it: its page has the error, and root can have the job tried again. What was sold is
// a call that answers at once, with a table.
package panel
