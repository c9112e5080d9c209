package web

import (
	"context"
	"net/http"

	"github.com/gomeko/gomeko/service"
)

// Hooks are what an application does with every request, in code. Its module provides them:
//
//	var Module = fx.Module("shop",
//		fx.Supply(web.Hooks{Middleware: []func(http.Handler) http.Handler{cors.Default().Handler}}),
//		service.Configure[web.Hooks](),
//	)
//
// A test puts them into service.Config.Values. They are called by many goroutines at once.
type Hooks struct {
	// Middleware wraps the handling of every request, outermost first: also of those that nothing
	// answers, and of mounted handlers. The access log is around it.
	Middleware []func(http.Handler) http.Handler

	// Context says what context data the call that r makes has, by a context with the values of
	// [service.Key], or refuses the request: an error's HTTPStatus is the answer's, as for those of
	// methods. nil is no data, as in Nameko: not all that a client writes into its headers is to be
	// believed.
	Context func(r *http.Request) (context.Context, error)

	// Errors answers a request with an error, in the place of a text or problem+json; see [Error].
	// nil is these.
	Errors func(w http.ResponseWriter, r *http.Request, e *Error)
}

// data gives the call of r its context data.
func (s *server) data(call *service.Call, r *http.Request) error {
	if s.hooks.Context == nil {
		return nil
	}
	ctx, err := s.hooks.Context(r)
	if err != nil {
		return err
	}
	call.Data = make(map[string]any)
	for name, value := range service.Data(ctx) {
		call.Data[name] = value
	}
	return nil
}
