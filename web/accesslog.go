package web

import (
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gomeko/gomeko/internal/secret"
	"github.com/gomeko/gomeko/service"
)

// statusGone is logged when the client disconnected before the response, as nginx does.
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
	s.log.LogAttrs(ctx, slog.LevelInfo, "request",
		slog.String("method", r.Method),
		slog.String("path", s.loggedPath(r, w)),
		slog.Int("status", status),
		slog.Int64("bytes", w.bytes),
		slog.Duration("duration", time.Since(began)),
		slog.String("remote", r.RemoteAddr),
		slog.String("request_id", w.Header().Get("X-Request-Id")),
	)
}

// loggedPath returns the path and query of a request without secrets. A row with sensitive
// arguments shows its pattern only.
func (s *server) loggedPath(r *http.Request, w *responseWriter) string {
	pattern := w.pattern
	if pattern == "" { // a middleware has wrapped w, or no handler was found
		pattern = s.mux.Pattern(r)
	}
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
