// Package signature describes the signatures of methods on the wire, in Python's terms.
//
// The tag of a row has a signature as Python would write it, which [Parse] parses:
//
//	get_order(order_id, verbose=False, *rest, key, **opts)
//
// A call comes with [Arguments], by position and by name, each still in its sender's encoding.
// [Signature.Match] assigns them to the parameters by Python's rules. If one does not fit, it
// returns an [Error] with Python's wording, which callers in Python already know.
//
// Service authors do not need this package. Extensions do: an entrypoint passes Arguments to
// service.Row.Run, which matches and decodes them and returns an *Error if they do not fit.
package signature
