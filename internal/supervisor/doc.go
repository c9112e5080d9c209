// Package supervisor keeps processes of a program running. A [Supervisor] is the parent: it starts
// the processes, starts those again that die, and replaces them one after the other, without a
// moment in which nobody serves. A [Parent] is what such a process sees of it.
//
// The two talk over a socket pair, which the process has as file 3. The process sends lines: the
// states of sd_notify(3) such as READY=1, ERROR= with a text in JSON before it fails, and LISTEN=
// to ask for a listening socket. The parent opens each address once, and hands the same socket to
// every process that asks. So processes never race for a port, and a connection that a process did
// not accept before its end is accepted by another. When the parent dies, the socket pair is
// closed, and the processes stop in order.
package supervisor
