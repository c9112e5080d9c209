// Package supervisor keeps processes of a program running. A [Supervisor] is the parent: it starts
// the processes, restarts those that die, and replaces them one at a time, without downtime. A
// [Parent] represents the supervisor in such a process.
//
// They communicate over a socket pair, which is file 3 in the process. The process sends lines: the
// states of sd_notify(3) such as READY=1, ERROR= with a text in JSON before it fails, and LISTEN=
// to ask for a listening socket. The parent opens each address once, and hands the same socket to
// every process that asks. This way processes never race for a port, and a connection that a
// process did not accept before its end is accepted by another one. When the parent dies, the
// socket pair is closed, and the processes shut down in an orderly way.
package supervisor
