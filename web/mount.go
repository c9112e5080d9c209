package web

import (
	"errors"
	"net/http"

	"github.com/gomeko/gomeko/service"
)

// A Mount is a field of a service that serves an [http.Handler] on the port of the routes, such as
// files, metrics, or an application written for net/http. Its tag is a pattern of [http.ServeMux]:
//
//	//go:embed static
//	var static embed.FS
//
//	type Shop struct {
//		_ service.Name `service:"shop"`
//
//		Static web.Mount `web:"GET /static/"`
//	}
//
//	service.Provide(&Shop{Static: web.Mount{Handler: http.FileServerFS(static)}})
//
// Its requests are not calls of the service: they take no worker and have no timeout.
type Mount struct{ http.Handler }

// Dependency registers the handler of the field: it implements [service.DependencyType].
func (Mount) Dependency(f *service.Field) (any, error) {
	m, _ := f.Value().(Mount)
	var mistakes []error
	if m.Handler == nil {
		mistakes = append(mistakes, errors.New("has no handler: set it where the service is made, "+f.Name+": web.Mount{Handler: …}"))
	}
	if err := errors.Join(append(mistakes, f.Tag.Keys("web"), checkPattern(f.Tag.Get("web")))...); err != nil {
		return nil, err
	}
	s, err := service.Shared(f.Host, newServer)
	if err != nil {
		return nil, err
	}
	return m, s.handle(place{service: f.Service, name: f.Name}, f.Tag.Get("web"), m.Handler)
}

// Handle registers a handler for the requests that match a pattern of [http.ServeMux], on the port
// of the routes. The process need not have routes. A [service.Extension] calls it for handlers that
// belong to the process and not to one of its services. As with a [Mount], the requests are not
// calls.
func Handle(h *service.Host, pattern string, handler http.Handler) error {
	if err := checkPattern(pattern); err != nil {
		return err
	}
	s, err := service.Shared(h, newServer)
	if err != nil {
		return err
	}
	return s.handle(place{service: "an extension", name: pattern}, pattern, handler)
}
