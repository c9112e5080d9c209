// Package invoices consumes the messages of a shop that does not use Nameko: the shop publishes
// JSON to its own exchange. The service writes an invoice for each paid order, sends it to a
// printer, and keeps a record of all messages.
//
//	gomeko run ./examples/invoices
//
// # Consumers
//
// Paid consumes a replicated queue (a quorum queue), which the module declares, with two bindings
// to the shop's exchange. A message whose call fails is delivered again, at most five times: the
// queue has that limit.
//
// Audit consumes every message, JSON or not: a method without a payload receives the raw message.
//
// The module declares the exchange as the shop does, so that either can start first. An exchange
// without a Kind would not be declared, and would have to exist.
//
// # Publisher
//
// Print publishes to the printer's queue. It is mandatory: if the queue does not exist, the call
// fails, and its message is delivered again. The message id is that of the order, so that the
// printer recognizes a second copy: messages are delivered at least once.
package invoices
