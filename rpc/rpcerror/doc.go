// Package rpcerror defines the errors that services return to each other, in the form in which
// Nameko sends them.
//
// An [Error] has the class, the arguments and the text of a Python exception. [New] makes one.
// Declare an error for each failure that callers need to recognize, and return it, or an error that
// wraps it:
//
//	var ErrNotFound = rpcerror.New("orders.exceptions.NotFound", "order not found")
//
//	return nil, fmt.Errorf("order %d: %w", id, ErrNotFound)
//
// A caller in Go, in this process or in another, recognizes the error with errors.Is. A caller in
// Python receives RemoteError with the class and the text.
//
// Package rpc has the same type as rpc.Error. This package exists for entrypoints of other
// protocols, such as HTTP, which use the errors without RPC's client and server. [From] returns,
// for any error, the Error that a caller receives. [Decode] reads the Error in a reply.
package rpcerror
