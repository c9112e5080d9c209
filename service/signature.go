package service

import (
	"reflect"
	"strings"
)

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
	Type     reflect.Type // of the Go parameter or field: a slice for Rest, a map for Options
	Default  any          // what the parameter is when it is not given and Optional; nil is None
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

// Arguments are the arguments of a call before they are bound, in their sender's encoding. No Value is nil.
type Arguments struct {
	Positional []Value
	Keyword    []Named // in the order of the sender
}

// A Named is an argument given by name.
type Named struct {
	Name  string
	Value Value
}

// A Value is one argument in its sender's encoding. Decode stores it in what the pointer v points at, or says why it cannot.
type Value interface{ Decode(v any) error }

// String returns the signature as Python would write it: get_order(order_id, verbose=False).
func (s *Signature) String() string {
	var b strings.Builder
	b.WriteString(s.Name)
	b.WriteByte('(')
	starred := false
	for i, p := range s.Params {
		if i > 0 {
			b.WriteString(", ")
		}
		switch p.Kind {
		case Rest:
			b.WriteByte('*')
			starred = true
		case Options:
			b.WriteString("**")
		case Keyword:
			if !starred {
				b.WriteString("*, ")
				starred = true
			}
		}
		b.WriteString(p.Name)
		if p.Optional {
			b.WriteByte('=')
			b.WriteString(repr(p.Default))
		}
	}
	b.WriteByte(')')
	return b.String()
}

// positional is how many parameters take arguments by position, and how many of them are optional.
func (s *Signature) positional() (all, optional int) {
	for _, p := range s.Params {
		if p.Kind == Positional {
			all++
			if p.Optional {
				optional++
			}
		}
	}
	return all, optional
}
