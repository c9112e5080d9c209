package web

import "net/http"

// Hooks are what an application does with every request, in code. Its module provides them:
//
//	var Module = fx.Module("shop",
//		fx.Supply(web.Hooks{Middleware: []func(http.Handler) http.Handler{cors.Default().Handler}}),
//		service.Configure[web.Hooks](),
//	)
//
// A test puts them into service.Config.Values. They are called by many goroutines at once.
type Hooks struct {
	// Middleware wraps the handling of every request, outermost first: also of those that nothing answers, and of mounted
	// handlers. The access log is around it.
	Middleware []func(http.Handler) http.Handler

	// Data returns the context data of the call that a request makes: the user's language, id, token. nil is none, as in
	// Nameko: what a client writes into its headers is not to be believed.
	Data func(r *http.Request) map[string]any

	// Errors answers a request with an error, in the place of a text or problem+json; see [Error]. nil is these.
	Errors func(w http.ResponseWriter, r *http.Request, e *Error)
}
