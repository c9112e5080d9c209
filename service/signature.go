package service

import "reflect"

// A Signature is a method's signature on the wire, as Python would write it, bound to the
// Go method's parameters.
type Signature struct {
	Name   string // get_order
	Params []Param
}

// A Param is a parameter of a [Signature].
type Param struct {
	Name     string
	Kind     Kind
	Type     reflect.Type
	Default  any // what the parameter is when it is not given and Optional
	Optional bool
}

// A Kind says how a parameter takes its arguments.
type Kind int

const (
	Positional Kind = iota // by position or by name
	Rest                   // *rest
	Keyword                // by name only
	Options                // **opts
)

// String returns the signature as Python would write it: get_order(order_id, verbose=False).
func (s *Signature) String() string { panic("sketch") }

// Arguments are the arguments of a call before they are bound, in their sender's encoding.
type Arguments struct {
	Positional []Value
	Keyword    []Named
}

// A Named is an argument given by name.
type Named struct {
	Name  string
	Value Value
}

// A Value is one argument in its sender's encoding. Decode stores it in the pointer v, or says why it cannot.
type Value interface{ Decode(v any) error }
