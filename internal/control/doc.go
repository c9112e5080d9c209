// Package control has the control queue of a process: the queue by which the other processes of a
// fleet cancel calls, and ask what runs in this one.
//
// The queue is bound to the topic exchange gomeko.control. It is declared if somebody receives from
// it: package rpc, which receives cancellations ([Queue.Receive]), or package fleet, which answers
// verbs ([Queue.Answer]).
//
// A package takes part in the answers without knowing the queue. It adds the handler of a verb, or
// a part of the answer to info, to the registry of the process:
//
//	func (m *Method) Entrypoint(r *service.Row) (service.Entrypoint, error) {
//		control.Of(r.Host).Info("routes", func() any { return … })
//
// docs/wire/control.md describes the messages.
package control
