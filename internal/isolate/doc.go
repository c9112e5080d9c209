// Package isolate runs the methods of rows with isolate:"process" in child processes of the same
// program. Package runner uses it: [Serve] has the parent's side, and [Join] and [Child] have the
// child's.
//
// Each row has a pool of children, and at least one of them is warm: it has bound the services,
// made their dependencies, and waits. A child runs one call at a time. Parent and child exchange
// frames over two pipes, which the child has as files 3 and 4. Standard output and standard error
// of a child are read too, and logged.
//
// The parent ends a call whose time is over: it cancels the context in the child, after a grace it
// sends SIGQUIT, which prints the stacks, and then it kills the process group. When the parent
// ends, the pipes are closed, and its children end; on Linux the kernel also kills them.
package isolate
