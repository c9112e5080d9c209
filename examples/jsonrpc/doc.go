// Package jsonrpc is an example extension: an entrypoint that does not use AMQP. It serves methods
// of services over a Unix socket with JSON-RPC 2.0, one message per line, for programs on the same
// machine.
//
//	Entrypoints struct {
//		Total jsonrpc.Method `jsonrpc:"total" socket:"$RUNTIME_DIRECTORY/counter.sock"`
//	}
//
//	$ echo '{"jsonrpc": "2.0", "id": 1, "method": "total"}' | nc -NU /run/counter/counter.sock
//	{"jsonrpc":"2.0","result":42,"id":1}
//
// The server answers the requests of a connection one after another, so peers wait while the
// service is busy. A request without an id is run but not answered. Batches are refused. When a
// peer disconnects, its running call continues.
//
// docs/extensions.md explains the code of this package.
package jsonrpc
