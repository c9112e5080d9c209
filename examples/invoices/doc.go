// Package invoices consumes the messages of a shop that does not use Nameko: the shop publishes
// JSON to its own exchange. The service writes an invoice for each paid order, sends it to a
// printer, and records all messages.
//
//	gomeko run ./examples/invoices
//
// # Consumers
//
// Paid consumes from a replicated queue (a quorum queue), which the module declares, with two
// bindings to the shop's exchange. A message whose call fails is redelivered up to five times, the
// queue's delivery limit.
//
// Audit consumes every message, whether it is JSON or not: a method without a payload receives the
// raw message.
//
// The module declares the exchange exactly as the shop does, so either can start first. An exchange
// without a Kind would not be declared, and would have to exist already.
//
// # Publisher
//
// Print publishes mandatory messages to the printer's queue: if the queue does not exist, the call
// fails, and the order's message is redelivered. The message id is the id of the order, so the
// printer can recognize a second copy. It may receive one, because messages are delivered at least
// once.
package invoices
