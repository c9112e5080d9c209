// Package isolate runs the methods of rows with isolate:"process" in child processes of the same
// program. Package runner uses it: [Serve] has the parent's side, and [Join] and [Child] have the
// child's.
//
// Each row has a pool of children, of which at least one is warm: it has bound the services,
// created their dependencies, and waits for a call. A child runs one call at a time. Parent and
// child exchange frames over two pipes, which are files 3 and 4 in the child. The parent also reads
// and logs the child's standard output and standard error.
//
// If a call exceeds its time limit, the parent cancels the context in the child. If the method does
// not return within a grace period, the parent gets the child's stacks, by SIGQUIT if the child
// does not answer, and kills the process group. When the parent ends, the pipes are closed, which
// ends its children; on Linux the kernel also kills them.
package isolate
