package signature

import (
	"fmt"
	"strings"
)

// A ValidationError lists the values in the arguments of a call that violate the constraints in the
// tags of their fields, such as min:"1". The arguments otherwise fit their types. The method was
// not run. A method may also return one for its own checks.
//
// Callers in Go receive it from other processes too; test for it with errors.As.
type ValidationError struct {
	// Faults are in the order of the parameters and of the fields. One call has at most 100.
	Faults []Fault
}

// A Fault is one value in the arguments of a call that violates a constraint.
type Fault struct {
	// Pointer is the JSON Pointer (RFC 6901) of the value in an object that has the arguments by
	// name: /order/items/0/quantity.
	Pointer string `json:"pointer"`

	// Message says what the value must be: "must be at least 1". It never repeats the value.
	Message string `json:"message"`
}

// shownFaults limits the faults in the text of an error.
const shownFaults = 10

// Error lists the faults: "/email must be an email address; /age must be at least 18". After ten,
// it only says how many follow.
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

// A CheckedValue is a Value that can check the constraints of fields while it decodes. The receiver
// calls DecodeChecked instead of Decode and DecodeStrict if the type of v has fields with
// constraints, at any depth. The receiver itself checks the constraints of the parameter.
type CheckedValue interface {
	Value

	// DecodeChecked is like Decode if lenient is true, and otherwise like [StrictValue].DecodeStrict.
	// If values violate their constraints, they are still stored in v, and the error is a
	// [*ValidationError] whose pointers begin at v. An absent member violates none.
	DecodeChecked(v any, lenient bool) error
}
