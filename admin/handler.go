package admin

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gomeko/gomeko/service"
)

// A Handler adds a path to the admin address. Modules configure it:
//
//	service.Configure(admin.Handler{Pattern: "GET /metrics", Handler: promhttp.Handler()})
//
// It is called concurrently, from before the services start until after they have stopped. Without
// an admin address it has no effect.
type Handler struct {
	Pattern string // of an [http.ServeMux], without a host
	Handler http.Handler
}

// Serve is a [service.Extension] that collects the [Handler] values of the modules for [Listen].
// Package runner configures it:
//
//	service.Configure[service.Extension](admin.Serve)
//
// It returns an error if a pattern is invalid, or if two handlers have the same pattern.
func Serve(h *service.Host) error {
	_, err := service.Shared(h, newPaths)
	return err
}

// Opened reports whether [Listen] has opened an address for the container, so that its modules'
// handlers are reachable. Call it when the container starts or later.
func Opened(h *service.Host) bool {
	p, err := service.Shared(h, newPaths)
	return err == nil && p.opened
}

// paths are the paths of an admin address.
type paths struct {
	mux    *http.ServeMux
	grace  time.Duration // of Config.ReadyGrace; set by Listen
	opened bool          // by Listen
	known  []string      // the sorted patterns
}

// newPaths returns the paths of this package and of the modules.
func newPaths(h *service.Host) (*paths, error) {
	p := &paths{mux: http.NewServeMux()}
	for _, own := range p.own(h) {
		p.mux.Handle(own.Pattern, own.Handler)
		p.known = append(p.known, own.Pattern)
	}
	var mistakes []error
	for _, added := range service.LookupAll[Handler](h) {
		if err := p.add(added); err != nil {
			mistakes = append(mistakes, fmt.Errorf("admin.Handler: %w", err))
		}
	}
	return p, errors.Join(mistakes...)
}

// own returns the paths of this package.
func (p *paths) own(h *service.Host) []Handler {
	own := func(pattern string, answer func(w http.ResponseWriter, r *http.Request)) Handler {
		return Handler{pattern, http.HandlerFunc(answer)}
	}
	return []Handler{
		own("GET /{$}", p.index),
		own("GET /live", live),
		own("GET /ready", func(w http.ResponseWriter, _ *http.Request) { ready(w, h.Ready(p.grace)) }),
		own("GET /health", func(w http.ResponseWriter, _ *http.Request) { p.health(w, h) }),
		own("GET /dump", func(w http.ResponseWriter, _ *http.Request) { dump(w, h) }),
		own("GET /debug/pprof/", profiles),
	}
}

// add adds the path of a module.
func (p *paths) add(added Handler) (err error) {
	defer func() {
		if refused := recover(); refused != nil { // the mux panics on mistakes
			err = p.refusal(added.Pattern, fmt.Sprint(refused))
		}
	}()
	path := added.Pattern[strings.IndexByte(added.Pattern, ' ')+1:]
	switch {
	case added.Handler == nil:
		return fmt.Errorf("the pattern %q has no Handler: set it", added.Pattern)
	case !strings.HasPrefix(path, "/"):
		return fmt.Errorf(`the pattern %q must have a path that begins with a slash, as in "GET /metrics"`, added.Pattern)
	}
	p.mux.Handle(added.Pattern, added.Handler)
	p.known = append(p.known, added.Pattern)
	return nil
}

// refusal returns an error for a pattern for which the mux panicked with this message.
func (p *paths) refusal(pattern, message string) error {
	for _, other := range p.known {
		if strings.Contains(message, "conflicts with pattern "+strconv.Quote(other)) {
			return fmt.Errorf("the pattern %q conflicts with %q: requests would match both; change it", pattern, other)
		}
	}
	_, reason, _ := strings.Cut(message, ": ")
	return fmt.Errorf(`%q is not a pattern: %s: write it as in "GET /metrics"`, pattern, reason)
}

// index lists the paths.
func (p *paths) index(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	for _, pattern := range p.known {
		fmt.Fprintln(w, strings.TrimSuffix(pattern, "{$}")) // the mux's marker for an exact path
	}
}
