// Package control implements the control queue of a process. The other processes of a fleet use it
// to cancel calls, and to ask what runs in this process.
//
// The queue is bound to the topic exchange gomeko.control. It is only declared if a package
// receives from it: package rpc receives cancellations ([Queue.Receive]), and package fleet answers
// verbs ([Queue.Answer]).
//
// A package can contribute to the answers without using the queue. It adds the handler of a verb,
// or a part of the answer to info, to the registry of the process:
//
//	func (m *Method) Entrypoint(r *service.Row) (service.Entrypoint, error) {
//		control.Of(r.Host).Info("routes", func() any { return … })
//
// docs/wire/control.md describes the messages.
package control
