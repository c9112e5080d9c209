package web

import (
	"cmp"
	"errors"
	"net/http"

	"github.com/gomeko/gomeko/service"
)

// Route is a row of the entrypoint table: a method that is called over HTTP, `web:"GET /orders/{id}"`. The tag is a pattern
// in the language of [http.ServeMux].
type Route struct{}

// Entrypoint binds the row: it implements [service.EntrypointType].
func (Route) Entrypoint(f *service.Field) (service.Entrypoint, error) {
	pattern := f.Tag("web")
	_, err := f.Bind(cmp.Or(f.Tag("method"), f.Name) + "()")
	if err := errors.Join(f.Keys("web"), err); err != nil {
		return nil, err
	}
	s, err := service.Shared(f.Host, newServer)
	if err != nil {
		return nil, err
	}
	return s, s.handle(f, pattern, &route{f})
}

// A route runs the calls of its row.
type route struct{ field *service.Field }

func (rt *route) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	result, err := rt.field.Run(r.Context(), nil, service.Arguments{})
	if err != nil {
		http.Error(w, "Error: InternalServerError", http.StatusInternalServerError)
		return
	}
	text, _ := result.(string)
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte(text))
}
