// Package rpcerror has the errors that services return to each other, in the form in which Nameko
// sends them.
//
// An [Error] has the class of an exception in Python, its arguments and its text. [New] makes one.
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
// Package rpc has the same type as rpc.Error. This package exists for entrypoints with another
// wire, such as HTTP: they use the errors without the client and the server of RPC. [From] returns
// the Error that a caller receives for any error, and [Decode] the Error in a reply.
package rpcerror
