// Package jsonrpc is an extension: an entrypoint that does not use AMQP. It serves methods of
// services by JSON-RPC 2.0 over a Unix socket, one message a line, for programs on the same
// machine.
//
//	Entrypoints struct {
//		Total jsonrpc.Method `jsonrpc:"total" socket:"$RUNTIME_DIRECTORY/counter.sock"`
//	}
//
//	$ echo '{"jsonrpc": "2.0", "id": 1, "method": "total"}' | nc -NU /run/counter/counter.sock
//	{"jsonrpc":"2.0","result":42,"id":1}
//
// The server reads the next request of a connection when it has answered the last one, so peers
// wait while the service is busy. A request without an id is run and not answered. Batches are
// refused. When a peer disconnects, its call continues.
//
// docs/extensions.md explains the code of this package.
package jsonrpc
