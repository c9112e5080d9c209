// Package shell is Nameko's shell in Go: an interpreter of Starlark, a dialect of Python, in which services can be called
// and events dispatched.
//
//	>>> n.rpc.greeting_service.hello(name="Julio")
//	'Hello, Julio!'
//	>>> [n.rpc["orders.archive"].count(year) for year in range(2020, 2023)]
//	[12, 40, 31]
//	>>> replies = [n.rpc.orders.get_order.call_async(id) for id in (1, 2)]
//	>>> [reply.result()["product"] for reply in replies]
//	['pen', 'ink']
//	>>> n.dispatch_event("users", "user_deleted", {"id": 7})
//
// A [Shell] runs a program with [Shell.Script], or talks to a person with [Shell.Interact].
//
// # Values
//
// What a method returns is shown as Python's repr shows it, and print writes what Python's print does. Dicts keep the
// order in which their keys came, ints have any size, and 2.0 stays apart from 2. Arguments are strings, numbers, bools,
// None, lists, tuples and dicts of them.
//
// # Errors
//
// An error of a service is a line of its type and its text: UnknownService: Unknown service `orders`. It ends a script,
// and a line that is typed.
//
// # What is not Python
//
// Starlark has no import, try, class, with or f-strings, among others; what to write instead is the text of the
// error. Loops and if may stand outside of functions, and while and recursion are there.
// Lists in "%s" % x are shown with double quotes; str(x) shows them as Python does.
package shell
