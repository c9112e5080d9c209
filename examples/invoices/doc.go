// Package invoices lives beside a shop that knows nothing of Nameko: it was bought years ago, and tells what happens by an exchange
// of its own, as JSON. For what was paid an invoice is written and given to a printer, and all that is told is kept.
//
//	gomeko run ./examples/invoices
//
// # Consumers
//
// Paid has a queue that is replicated (a quorum queue), and bound to the shop's exchange by two keys. What fails is delivered
// again, five times at the most: that limit is the queue's own.
//
// Audit takes whatever there is, JSON or not: a method without a payload gets the message as it came.
//
// The exchange is declared as the shop declares it, so that either may be started first. Were it the shop's alone, the rows would
// leave kind out, and not start without it.
//
// # Publisher
//
// Print publishes to the printer's queue. It is mandatory: a printer that has no queue is an error, and the message that led to it
// comes again. Its id is the order's, so that the printer knows a second copy when it sees one: messages arrive at least once.
package invoices
