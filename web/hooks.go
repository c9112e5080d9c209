package web

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/gomeko/gomeko/service"
)

// Hooks are functions that the server runs for every request. A module provides them:
//
//	var Module = fx.Module("shop",
//		service.Configure(web.Hooks{Middleware: []func(http.Handler) http.Handler{cors.Default().Handler}}),
//	)
//
// They may be called concurrently.
type Hooks struct {
	// Middleware wraps the handling of every request; the first one is the outermost. It also sees
	// requests for mounted handlers and unknown paths. The access log is written outside of the
	// middleware.
	Middleware []func(http.Handler) http.Handler

	// Context returns the context data of the call that a request makes, as a context with values
	// of [service.Key]. If it returns an error, the request is refused with the error's HTTPStatus,
	// if it has one. Without Context a call has no context data, as in Nameko, because the headers
	// of a client cannot be trusted.
	Context func(r *http.Request) (context.Context, error)

	// Errors writes the response for an error, instead of the text or problem+json of [Error];
	// e.Send(w, r) writes those. It is called for all errors of the process, including those for
	// unknown paths and methods that are not allowed, whose Err is nil. Services with a field of
	// type [Errors] use that instead.
	Errors func(w http.ResponseWriter, r *http.Request, e *Error)
}

// Errors is a field of a service that writes the responses for the errors of its routes, in place
// of [Hooks].Errors. Set it when you create the service. For errors that need no special response,
// call Send:
//
//	func writeError(w http.ResponseWriter, r *http.Request, e *web.Error) {
//		if errors.Is(e.Err, ErrSoldOut) {
//			http.Redirect(w, r, "/waiting-list", http.StatusSeeOther)
//			return
//		}
//		e.Send(w, r)
//	}
//
//	service.Provide(&Shop{Errors: writeError})
//
// The tag rows:"Buy Reserve" restricts it to these rows; a service may have several such fields.
type Errors func(w http.ResponseWriter, r *http.Request, e *Error)

// Dependency registers the function of the field: it implements [service.DependencyType].
func (Errors) Dependency(f *service.Field) (any, error) {
	fn, _ := f.Value().(Errors)
	var err error
	if fn == nil {
		err = errors.New("has no function: set it where the service is made, " + f.Name + ": writeError")
	}
	if err := errors.Join(err, f.Tag.Keys("rows")); err != nil {
		return nil, err
	}
	s, err := service.Shared(f.Host, newServer)
	if err != nil {
		return nil, err
	}
	rows := strings.Fields(strings.ReplaceAll(f.Tag.Get("rows"), ",", " "))
	if len(rows) == 0 {
		rows = []string{""}
	}
	for _, row := range rows {
		key := errorsOf{f.Service, row}
		if other, ok := s.errors[key]; ok {
			return nil, fmt.Errorf("the field %s writes the same errors: remove one, or name its rows in the tag key rows", other.field)
		}
		s.errors[key] = errorWriter{f.Name, fn}
	}
	return fn, nil
}

// errorsOf identifies the errors that an Errors field writes: those of one row, or of all rows if
// row is "".
type errorsOf struct{ service, row string }

// An errorWriter is the function of an Errors field.
type errorWriter struct {
	field string
	write Errors
}

// errorsFor returns the function that writes the errors of a row, or nil if they are written as
// usual.
func (s *server) errorsFor(r *service.Row) Errors {
	for _, key := range []errorsOf{{r.Service, r.Name}, {r.Service, ""}} {
		if w, ok := s.errors[key]; ok {
			return w.write
		}
	}
	return s.hooks.Errors
}

// Check reports row names in tags of Errors fields that are not routes. The container calls it when
// the services are bound.
func (s *server) Check(complete bool) error {
	var mistakes []error
	for key, w := range s.errors {
		isRoute := func(p place) bool { return p.row != nil && p.service == key.service && p.name == key.row }
		if complete && key.row != "" && !slices.ContainsFunc(slices.Collect(maps.Values(s.places)), isRoute) {
			mistakes = append(mistakes, fmt.Errorf("service %s: %s: rows names %s, which is not a web.Route of the service", key.service, w.field, key.row))
		}
	}
	slices.SortFunc(mistakes, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(mistakes...)
}

// data returns the context data of the call that r makes.
func (h *Hooks) data(r *http.Request) (map[string]any, error) {
	if h.Context == nil {
		return nil, nil
	}
	ctx, err := h.Context(r)
	if err != nil {
		return nil, err
	}
	return maps.Collect(service.Data(ctx)), nil
}
