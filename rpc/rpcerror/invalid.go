package rpcerror

import (
	"github.com/gomeko/gomeko/service"
)

// invalidPath is the class of a [service.ValidationError] on the wire. Its arguments are its text,
// and a list of its faults: [{"pointer": "/age", "message": "must be at least 18"}].
const invalidPath = "gomeko.ValidationError"

// newInvalid returns the form of an error with these faults, and with this text.
func newInvalid(text string, invalid *service.ValidationError) *Error {
	faults := make([]any, len(invalid.Faults))
	for i, f := range invalid.Faults {
		faults[i] = map[string]any{"pointer": wireText(f.Pointer), "message": wireText(f.Message)}
	}
	e := New(invalidPath, wireText(text))
	e.Args = append(e.Args, faults)
	return e
}

// faults returns the arguments of e that are the faults of a [service.ValidationError], or none if
// e is another error.
func (e *Error) faults() []any {
	if e.Path != invalidPath || len(e.Args) < 2 {
		return nil
	}
	return e.Args[1:2]
}

// As lets errors.As find the faults of a call that another process has refused: if e has the class
// of a [service.ValidationError] and target points to a *ValidationError, As sets it to the faults.
func (e *Error) As(target any) bool {
	to, ok := target.(**service.ValidationError)
	if !ok || e.Path != invalidPath {
		return false
	}
	invalid := new(service.ValidationError)
	for _, list := range e.faults() {
		all, _ := list.([]any)
		for _, one := range all {
			members, _ := one.(map[string]any)
			pointer, _ := members["pointer"].(string)
			message, _ := members["message"].(string)
			if message != "" {
				invalid.Faults = append(invalid.Faults, service.Fault{Pointer: pointer, Message: message})
			}
		}
	}
	*to = invalid
	return true
}
