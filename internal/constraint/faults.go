package constraint

import (
	"slices"
	"strings"

	"github.com/gomeko/gomeko/internal/clip"
	"github.com/gomeko/gomeko/signature"
)

// Limits on the faults that are kept for a call.
const (
	maxFaults  = 100
	maxPointer = 1024 // bytes
)

// Faults collects the broken constraints of a call's values. The zero value is empty and ready to
// use.
type Faults struct {
	found []found
}

// A found is a fault whose place in the value is not complete yet.
type found struct {
	message string
	tail    string   // pointer within the innermost step
	steps   []string // the steps to its place, innermost first
}

// Len returns the number of faults. Call it before checking a part of a value, and pass the result
// to Below afterwards.
func (f *Faults) Len() int { return len(f.found) }

// Full reports whether further faults are dropped.
func (f *Faults) Full() bool { return len(f.found) >= maxFaults }

func (f *Faults) add(message string) {
	if !f.Full() {
		f.found = append(f.found, found{message: message})
	}
}

// Below prefixes the places of the faults, starting with index from, with step: a member or an
// element of a value.
func (f *Faults) Below(from int, step string) {
	for i := from; i < len(f.found); i++ {
		f.found[i].steps = append(f.found[i].steps, step)
	}
}

// Hide removes the places of the faults, starting with index from. They are in a sensitive value,
// in which even the keys of maps may be secret.
func (f *Faults) Hide(from int) {
	kept := f.found[:from]
	for _, one := range f.found[from:] {
		one.steps, one.tail = nil, ""
		if !slices.ContainsFunc(kept[from:], func(o found) bool { return o.message == one.message }) {
			kept = append(kept, one)
		}
	}
	f.found = kept
}

// Replace removes the faults of the member step, starting with index from, because another value
// has replaced the member.
func (f *Faults) Replace(from int, step string) {
	kept := slices.DeleteFunc(f.found[from:], func(one found) bool { return one.steps[len(one.steps)-1] == step })
	f.found = f.found[:from+len(kept)]
}

// Sort sorts the faults, starting with index from, by the order of their members.
func (f *Faults) Sort(from int, order func(step string) int) {
	slices.SortStableFunc(f.found[from:], func(a, b found) int {
		return order(a.steps[len(a.steps)-1]) - order(b.steps[len(b.steps)-1])
	})
}

// Add adds the faults of an error.
func (f *Faults) Add(err *signature.ValidationError) {
	for _, one := range err.Faults {
		if f.Full() {
			return
		}
		f.found = append(f.found, found{message: one.Message, tail: one.Pointer})
	}
}

// Err returns the faults as an error, or nil if there are none.
func (f *Faults) Err() error {
	if len(f.found) == 0 {
		return nil
	}
	e := &signature.ValidationError{Faults: make([]signature.Fault, len(f.found))}
	for i, one := range f.found {
		e.Faults[i] = signature.Fault{Pointer: clip.Text(Pointer(one.steps)+one.tail, maxPointer), Message: one.message}
	}
	return e
}

// Pointer returns the JSON Pointer (RFC 6901) for a place whose steps are innermost first. It
// truncates pointers that are too long.
func Pointer(steps []string) string {
	var b strings.Builder
	for _, step := range slices.Backward(steps) {
		if b.Len() > maxPointer {
			break
		}
		b.WriteByte('/')
		b.WriteString(escaper.Replace(clip.Text(step, maxPointer)))
	}
	return strings.ToValidUTF8(b.String(), "\uFFFD")
}

var escaper = strings.NewReplacer("~", "~0", "/", "~1")
