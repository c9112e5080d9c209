package codec

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A ValueError says which part of a value cannot be encoded or decoded, and why. A [Codec] made by
// [New] returns it among other errors; find it with errors.As.
type ValueError struct {
	Reason  string
	Missing bool // a member is missing, which [DecodeStrict] requires

	path []string // innermost first
}

func valueErrorf(format string, args ...any) error {
	return &ValueError{Reason: fmt.Sprintf(format, args...)}
}

// Error returns the path and the reason: "friends[1].age: null does not fit uint8".
func (e *ValueError) Error() string { return e.In("") }

// Path returns the place in the whole value: "friends[1].age", or "" for the value itself.
func (e *ValueError) Path() string { return e.Below("") }

// In returns the text of the error for a value that is itself a part of another, such as an
// argument of this name: "user.friends[1].age: null does not fit uint8". If all of the value is
// wrong, the text is the reason alone.
func (e *ValueError) In(name string) string {
	if len(e.path) == 0 {
		return e.Reason
	}
	return e.Below(name) + ": " + e.Reason
}

// Below returns the path of the error in a value that is itself a part of another: "user" and
// "[1].age" make "user[1].age".
func (e *ValueError) Below(name string) string {
	path := e.path
	if len(path) > maxPath {
		path = append(slices.Clone(path[:maxPath/2]), "…")
	}
	var b strings.Builder
	b.WriteString(name)
	for _, step := range slices.Backward(path) {
		if b.Len() > 0 && step[0] != '[' {
			b.WriteByte('.')
		}
		b.WriteString(step)
	}
	return b.String()
}

// maxPath is the length from which paths are shown without their middle; a step of a path is cut
// after maxStep bytes.
const (
	maxPath = 20
	maxStep = 40
)

// inMember adds the name of a member to the path of err, if err is a ValueError.
func inMember(err error, name string) error {
	if e, ok := err.(*ValueError); ok { //nolint:errorlint // it is never wrapped
		e.path = append(e.path, memberStep(name))
	}
	return err
}

// memberStep returns the name of a member for a path: age, or ["two words"].
func memberStep(name string) string {
	plain := name != "" && len(name) <= maxStep && !strings.ContainsFunc(name, func(r rune) bool {
		return r < '0' || r > 'z' || r > '9' && r < 'A' || r > 'Z' && r < 'a' && r != '_'
	})
	if plain {
		return name
	}
	if len(name) > maxStep {
		name = name[:maxStep] + "…"
	}
	return "[" + strconv.Quote(name) + "]"
}

// inElement adds the index of an element to the path of err, if err is a ValueError.
func inElement(err error, i int) error {
	if e, ok := err.(*ValueError); ok { //nolint:errorlint // it is never wrapped
		e.path = append(e.path, "["+strconv.Itoa(i)+"]")
	}
	return err
}

// doesNotFit is the error of a value of kind what that a Go type cannot hold.
func doesNotFit(what Kind, t fmt.Stringer) error { return valueErrorf("%s does not fit %s", what, t) }

// writeError makes err, an error of a [Writer], a ValueError. It returns nil if err is nil.
func writeError(err error) error {
	if err == nil {
		return nil
	}
	return &ValueError{Reason: err.Error()}
}
