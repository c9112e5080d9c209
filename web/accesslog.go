package web

import (
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gomeko/gomeko/internal/clip"
	"github.com/gomeko/gomeko/internal/secret"
	"github.com/gomeko/gomeko/service"
)

// statusGone is the status that is logged when the client disconnected before the response. nginx
// uses it too.
const statusGone = 499

// logAccess logs a request after its response.
func (s *server) logAccess(r *http.Request, w *responseWriter, began time.Time) {
	ctx := r.Context()
	if !s.log.Enabled(ctx, slog.LevelInfo) {
		return
	}
	status := w.status
	if ctx.Err() != nil && status != http.StatusSwitchingProtocols {
		status = statusGone
	}
	attrs := []slog.Attr{
		slog.String("method", clip.Text(r.Method, clip.Name)),
		slog.String("path", clip.Text(s.loggedPath(r, w), clip.Log)),
		slog.Int("status", status),
		slog.Int64("bytes", w.bytes),
		slog.Duration("duration", time.Since(began)),
		slog.String("remote", r.RemoteAddr),
		slog.String("request_id", w.Header().Get("X-Request-Id")),
	}
	if row := s.places[s.patternOf(r, w)].row; row != nil { // the request's call is the first of its chain
		attrs = append(attrs, slog.String("root_call_id", row.CallID(w.Header().Get("X-Request-Id"))))
	}
	s.log.LogAttrs(ctx, slog.LevelInfo, "request", attrs...)
}

// patternOf returns the pattern that the request matches, or "".
func (s *server) patternOf(r *http.Request, w *responseWriter) string {
	if w.pattern == "" { // a middleware has wrapped w, or no handler was found
		return s.mux.Pattern(r)
	}
	return w.pattern
}

// loggedPath returns the path and query of a request without secrets. A row with sensitive
// arguments shows its pattern only.
func (s *server) loggedPath(r *http.Request, w *responseWriter) string {
	pattern := s.patternOf(r, w)
	if row := s.places[pattern].row; row != nil && row.Sensitive() {
		return pattern
	}
	path := r.URL.EscapedPath()
	if r.URL.RawQuery == "" {
		return path
	}
	query := strings.Split(r.URL.RawQuery, "&")
	for i, pair := range query {
		if name, _, ok := strings.Cut(pair, "="); ok && secretName(name) {
			query[i] = name + "=" + service.Redacted
		}
	}
	return path + "?" + strings.Join(query, "&")
}

// secretName reports whether the value of a query parameter must not be logged.
func secretName(name string) bool {
	if plain, err := url.QueryUnescape(name); err == nil {
		name = plain
	}
	if secret.Key(name) {
		return true
	}
	name = strings.ToLower(name)
	for _, end := range []string{"signature", "sig", "auth", "session", "sessionid", "code"} {
		if strings.HasSuffix(name, end) {
			return true
		}
	}
	return false
}
