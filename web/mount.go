package web

import (
	"errors"
	"net/http"

	"github.com/gomeko/gomeko/service"
)

// A Mount is a field of a service, outside of the table, whose handler answers the requests that match a pattern, whatever
// it is: files, the metrics of a library, a whole application of its own.
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
// What it answers is no call: it takes no worker, and has no time limit.
type Mount struct{ http.Handler }

// Dependency has the server answer by the Mount that the service holds: it implements [service.DependencyType].
func (Mount) Dependency(f *service.Field) (any, error) {
	m, _ := f.Value().(Mount)
	var mistakes []error
	if m.Handler == nil {
		mistakes = append(mistakes, errors.New("holds no handler: give the service one, "+f.Name+": web.Mount{Handler: …}"))
	}
	if err := errors.Join(append(mistakes, f.Keys("web"), checkPattern(f.Tag("web")))...); err != nil {
		return nil, err
	}
	s, err := service.Shared(f.Host, newServer)
	if err != nil {
		return nil, err
	}
	return m, s.handle(f, f.Tag("web"), m.Handler)
}
