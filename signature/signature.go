package signature

import (
	"reflect"
	"strings"
)

// A Signature is the name and the parameters of a method on the wire.
type Signature struct {
	Name   string // get_order
	Params []Param

	// Listed is true if the text had a list of parameters, even an empty one: get_order(). Without
	// a list, the parameters are those that the Go method has.
	Listed bool
}

// A Param is a parameter of a [Signature].
type Param struct {
	Name     string
	Kind     Kind
	Type     reflect.Type // of the Go parameter or field: a slice for Rest, a map for Options; nil if not bound
	Optional bool         // it has the default below
	Default  any          // a literal as [Literal] returns it; nil is None
}

// A Kind says which arguments a parameter takes.
type Kind int

const (
	Positional Kind = iota // by position or by name
	Rest                   // *rest: all remaining ones by position
	Keyword                // by name only
	Options                // **opts: all remaining ones by name
)

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
			b.WriteString(Repr(p.Default))
		}
	}
	b.WriteByte(')')
	return b.String()
}

// Has reports whether s has a parameter of the kind.
func (s *Signature) Has(kind Kind) bool {
	for i := range s.Params {
		if s.Params[i].Kind == kind {
			return true
		}
	}
	return false
}
