// Package shell is a Go version of Nameko's shell: an interpreter for Starlark, a dialect of
// Python, that can call services and dispatch events.
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
// [Shell.Script] runs a program. [Shell.Interact] reads lines from a terminal, completes names by
// asking the fleet, and shows output that is longer than the terminal in a pager.
//
//	>>> help(n.rpc.orders.get_order)                    # signature, types and texts
//	>>> n.services                                      # who runs
//	>>> n.rpc.orders.get_order.at("vm1/4711")(7)        # calls one instance
//	>>> n.rpc.orders.get_order.bench(7, callers=64)     # rate, p50, p95, p99, errors
//	>>> time(n.rpc.orders.get_order(7))
//	>>> watch("orders", "order_created")                # until Ctrl-C
//	>>> table(n.rpc.orders.list(2026))
//	>>> load("lib.star", "total")
//
// n.data is a dict of context data, which is sent with each call and event: n.data["user_id"] = "7".
//
// # Values
//
// Results are shown as Python's repr shows them, and print writes what Python's print writes. Dicts
// keep the order of their keys, ints have any size, and 2.0 is not 2. Arguments are strings,
// numbers, bools, None, and lists, tuples and dicts of these.
//
// Terminal control characters in a result are printed escaped. The output of print is written
// unchanged if it does not go to a terminal.
//
// In n.config, ** replaces passwords and other secrets.
//
// # Errors
//
// An error of a service is printed as one line with its type and its text: UnknownService: Unknown
// service `orders`. It ends the script, or the line in a terminal.
//
// # Differences from Python
//
// Starlark lacks import, try, class, with and f-strings, among others; the error says what to write
// instead. Loops and if may be used outside functions, and while and recursion are allowed.
// "%s" % x formats the strings in a list with double quotes; str(x) formats them as Python does.
package shell
