package run

import (
	"errors"
	"regexp"
	"strings"

	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
)

// further matches the end of the text of a ValidationError that does not list all faults.
var further = regexp.MustCompile(`; and (\d+) more$`)

// Faults returns the faults in the arguments if a worker has rejected them with a
// [service.ValidationError], and otherwise nil. They are parsed from Error, which lists the first
// ten. A fault without a Pointer is about the arguments as a whole.
func (r *Run) Faults() (all []service.Fault) {
	var invalid *service.ValidationError
	if r.Error == "" || !errors.As(&rpc.Error{Path: r.ErrorType}, &invalid) {
		return nil
	}
	text, more := r.Error, ""
	if m := further.FindStringSubmatchIndex(text); m != nil {
		text, more = text[:m[0]], text[m[2]:m[3]]
	}
	for i, part := range strings.Split(text, "; /") {
		if i > 0 {
			part = "/" + part
		}
		f := service.Fault{Message: part}
		if pointer, message, ok := strings.Cut(part, " "); ok && strings.HasPrefix(pointer, "/") {
			f = service.Fault{Pointer: pointer, Message: message}
		}
		all = append(all, f)
	}
	if more != "" {
		all = append(all, service.Fault{Message: "has " + more + " more wrong values"})
	}
	return all
}
