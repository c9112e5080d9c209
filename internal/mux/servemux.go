// Package mux is shared by the HTTP servers of this module. It provides a ServeMux for paths with
// escaped slashes, and checks the host of a request.
package mux

import (
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
)

// A ServeMux is an [http.ServeMux] that handles all escaped paths correctly. The original does not
// match a wildcard with a segment that is exactly %2F, because it takes it for a trailing slash,
// and its redirects to a clean path escape the path twice.
type ServeMux struct{ mux http.ServeMux }

// Handle registers the handler for the pattern. Like the method of [http.ServeMux], it panics if
// the pattern is invalid or conflicts with another one.
func (m *ServeMux) Handle(pattern string, h http.Handler) {
	m.mux.Handle(pattern, &endpoint{h, segments(pattern[max(0, strings.IndexByte(pattern, '/')):])})
}

// An endpoint is the handler of a pattern. Its type distinguishes it from the handlers of
// [http.ServeMux] itself.
type endpoint struct {
	http.Handler
	segments []string // of the pattern
}

// ServeHTTP calls the handler of the pattern that matches the request.
func (m *ServeMux) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	escaped := r.URL.EscapedPath()
	if !strings.Contains(escaped, "%") {
		m.mux.ServeHTTP(w, r)
		return
	}
	if clean := cleaned(escaped); clean != escaped && r.Method != http.MethodConnect {
		redirect(w, r, clean)
		return
	}
	given := segments(escaped)
	h, pattern := m.mux.Handler(standIn(r, given))
	e, found := h.(*endpoint)
	switch {
	case found:
		r.Pattern = pattern
		e.setValues(r, given)
		e.ServeHTTP(w, r)
	case pattern != "": // of the same path with a trailing slash
		redirect(w, r, escaped+"/")
	default: // not found, or method not allowed
		h.ServeHTTP(w, r)
	}
}

// Pattern returns the pattern that matches the request, or "".
func (m *ServeMux) Pattern(r *http.Request) string {
	_, pattern := m.mux.Handler(standIn(r, segments(r.URL.EscapedPath())))
	return pattern
}

// standIn returns a request that matches the same patterns as r, with another text in place of each
// segment that is %2F.
func standIn(r *http.Request, given []string) *http.Request {
	const slash = "%2F%00" // no segment of a pattern equals it
	given = slices.Clone(given)
	for i, s := range given {
		if strings.EqualFold(s, "%2F") {
			given[i] = slash
		}
	}
	u := *r.URL
	u.RawPath = "/" + strings.Join(given, "/")
	u.Path = unescape(u.RawPath)
	r2 := *r
	r2.URL = &u
	return &r2
}

// setValues sets the values of the pattern's wildcards from the segments of a path.
func (e *endpoint) setValues(r *http.Request, given []string) {
	for i, s := range e.segments {
		name, isWildcard := strings.CutPrefix(s, "{")
		name, _ = strings.CutSuffix(name, "}")
		if rest, all := strings.CutSuffix(name, "..."); isWildcard && all {
			r.SetPathValue(rest, unescape(strings.Join(given[i:], "/")))
		} else if isWildcard && name != "$" {
			r.SetPathValue(name, unescape(given[i]))
		}
	}
}

// segments splits a path at its slashes.
func segments(path string) []string { return strings.Split(strings.TrimPrefix(path, "/"), "/") }

// unescape returns the text of an escaped path, or the path itself if the escapes are invalid.
func unescape(escaped string) string {
	if text, err := url.PathUnescape(escaped); err == nil {
		return text
	}
	return escaped
}

// cleaned removes empty and dot segments from a path, and keeps a trailing slash.
func cleaned(escaped string) string {
	clean := path.Clean("/" + escaped)
	if strings.HasSuffix(escaped, "/") && clean != "/" {
		clean += "/"
	}
	return clean
}

// redirect sends the client to another path, as [http.ServeMux] does.
func redirect(w http.ResponseWriter, r *http.Request, escaped string) {
	u := url.URL{Path: unescape(escaped), RawPath: escaped, RawQuery: r.URL.RawQuery}
	http.Redirect(w, r, u.String(), http.StatusTemporaryRedirect)
}
