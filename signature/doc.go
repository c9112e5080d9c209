// Package signature has the signatures of methods on the wire, in Python's terms.
//
// A tag of a row spells a signature as Python would write it, and [Parse] reads it:
//
//	get_order(order_id, verbose=False, *rest, key, **opts)
//
// A call comes with [Arguments], by position and by name, each still in its sender's encoding.
// [Signature.Match] assigns them to the parameters by the rules of Python, and an argument that
// does not fit is an [Error] in the words of Python, which callers in Python already know.
//
// Service authors do not need this package. Extensions do: an entrypoint hands Arguments to
// service.Row.Run, which matches and decodes them, and gets an *Error back if they do not fit.
package signature
