// Package jsonrpc is an entrypoint that is not AMQP: methods of a service are called by JSON-RPC 2.0 over a Unix
// socket, one message a line. It is for those who are on the same machine: an operator, a sidecar, a shell script.
//
//	Entrypoints struct {
//		Total jsonrpc.Method `jsonrpc:"total" socket:"$RUNTIME_DIRECTORY/counter.sock"`
//	}
//
//	$ echo '{"jsonrpc": "2.0", "id": 1, "method": "total"}' | nc -NU /run/counter/counter.sock
//	{"jsonrpc":"2.0","result":42,"id":1}
//
// A connection is read on when its last request has been answered, so peers wait while the service is busy. A request
// without an id is run and not answered; batches are refused. A peer that hangs up does not end its call.
//
// It is written as anyone would write an extension: docs/extensions.md goes through it.
package jsonrpc
