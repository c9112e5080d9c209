package web

import (
	"errors"
	"net/http"
	"strings"

	"github.com/gomeko/gomeko/service"
)

// A Fault is one mistake in a request.
type Fault struct {
	In     string `json:"in,omitempty"` // path, query, header or body
	Name   string `json:"name"`         // name of the value; "" is the whole of In
	Detail string `json:"detail"`       // what is wrong

	// Pointer is the JSON Pointer (RFC 6901) to a value that breaks a constraint of its field, such
	// as /lines/0/quantity; Name is then the name of the outermost value. The response has status
	// 422.
	Pointer string `json:"pointer,omitempty"`
}

// faultsOf returns the faults in the error of a call, or nil if there are none that the client may
// see. Their pointers begin with the names that the values have in the request.
func (b *binding) faultsOf(r *http.Request, err error) []Fault {
	var invalid *service.ValidationError
	if !errors.As(err, &invalid) {
		return nil
	}
	faults := make([]Fault, len(invalid.Faults))
	for i, f := range invalid.Faults {
		name, rest, _ := strings.Cut(strings.TrimPrefix(f.Pointer, "/"), "/")
		source, key := b.sourceOf(r, fromPointer.Replace(name))
		pointer := f.Pointer
		if key != "" {
			pointer = "/" + toPointer.Replace(key)
			if rest != "" {
				pointer += "/" + rest
			}
		}
		faults[i] = Fault{In: source, Name: key, Detail: f.Message, Pointer: pointer}
	}
	return faults
}

// sourceOf returns where in the request the value of a parameter is, and its name there. The source
// is "" if parameter is not the name of a parameter.
func (b *binding) sourceOf(r *http.Request, parameter string) (source, key string) {
	for i := range b.fields {
		f := &b.fields[i]
		switch {
		case f.param.Name != parameter:
		case f.source == "body" && usuallyBodiless(r) && r.ContentLength == 0:
			return "query", f.key
		default:
			return f.source, f.key
		}
	}
	return "", ""
}

var (
	toPointer   = strings.NewReplacer("~", "~0", "/", "~1")
	fromPointer = strings.NewReplacer("~1", "/", "~0", "~")
)
