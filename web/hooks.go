package web

import (
	"context"
	"maps"
	"net/http"

	"github.com/gomeko/gomeko/service"
)

// Hooks are functions that an application runs for every request. A module provides them:
//
//	var Module = fx.Module("shop",
//		service.Configure(web.Hooks{Middleware: []func(http.Handler) http.Handler{cors.Default().Handler}}),
//	)
//
// They may be called concurrently.
type Hooks struct {
	// Middleware wraps the handling of every request, the first one outermost. It also sees the
	// requests for mounted handlers and for unknown paths. The access log is written outside of it.
	Middleware []func(http.Handler) http.Handler

	// Context returns the context data of the call that a request makes, as a context with values
	// of [service.Key]. Its error refuses the request; an HTTPStatus of the error is the status.
	// Without Context a call has no context data, as in Nameko: a client's headers are not to be
	// trusted.
	Context func(r *http.Request) (context.Context, error)

	// Errors writes the response for an error, in place of the text or problem+json that [Error]
	// describes.
	Errors func(w http.ResponseWriter, r *http.Request, e *Error)
}

// data returns the context data of the call that r makes.
func (s *server) data(r *http.Request) (map[string]any, error) {
	if s.hooks.Context == nil {
		return nil, nil
	}
	ctx, err := s.hooks.Context(r)
	if err != nil {
		return nil, err
	}
	return maps.Collect(service.Data(ctx)), nil
}
