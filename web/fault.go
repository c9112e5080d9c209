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
	Name   string `json:"name"`         // of the value; "" is the whole of In
	Detail string `json:"detail"`       // what is wrong

	// Pointer is the JSON Pointer (RFC 6901) of a value that breaks a constraint of its field:
	// /lines/0/quantity. Such a fault is one of a 422, and Name is then that of the outermost value.
	Pointer string `json:"pointer,omitempty"`
}

// faultsOf returns the faults of an error of a call, nil if it has none that the client may see.
// Their pointers begin with the names that the values have in the request.
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

// sourceOf returns where in the request the value of a parameter is, and its name there: "" if it
// is not a parameter.
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
