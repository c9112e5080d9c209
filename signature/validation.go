package signature

import (
	"fmt"
	"strings"
)

// A ValidationError says which values in the arguments of a call break the constraints that the
// tags of their fields have, such as min:"1". The arguments fit their types otherwise. The method
// was not run. A method may return one for checks of its own.
//
// A caller in Go receives it from another process, too: test for it with errors.As.
type ValidationError struct {
	// Faults are in the order of the parameters and of the fields. Of one call there are at most
	// 100.
	Faults []Fault
}

// A Fault is one value in the arguments of a call that breaks a constraint.
type Fault struct {
	// Pointer is the JSON Pointer (RFC 6901) of the value in an object that has the arguments by
	// name: /order/items/0/quantity.
	Pointer string `json:"pointer"`

	// Message says what the value must be: "must be at least 1". It never repeats the value.
	Message string `json:"message"`
}

// shownFaults is how many faults the text of an error has.
const shownFaults = 10

// Error returns the faults, as "/email must be an email address; /age must be at least 18". After
// ten it says only how many follow.
func (e *ValidationError) Error() string {
	if len(e.Faults) == 0 {
		return "invalid arguments"
	}
	var b strings.Builder
	for i, f := range e.Faults {
		if i == shownFaults {
			fmt.Fprintf(&b, "; and %d more", len(e.Faults)-i)
			break
		}
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(strings.TrimLeft(f.Pointer+" "+f.Message, " "))
	}
	return b.String()
}

// Expected returns true: the caller made the mistake.
func (e *ValidationError) Expected() bool { return true }

// A CheckedValue is a Value that can check the constraints of the fields in what it decodes. The
// receiver calls DecodeChecked in place of Decode and DecodeStrict if the type of v has such
// fields, at any depth. It checks the constraints of the parameter itself.
type CheckedValue interface {
	Value

	// DecodeChecked is Decode if lenient is true, and otherwise as [StrictValue].DecodeStrict. If
	// values break their constraints, v is stored all the same, and the error is a
	// [*ValidationError] whose pointers begin at v. A member that is absent breaks none.
	DecodeChecked(v any, lenient bool) error
}
