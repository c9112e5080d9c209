package web

import (
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gomeko/gomeko/service"
)

// statusGone is logged for a client that has gone before its answer, as nginx does.
const statusGone = 499

// access logs a request that has been answered.
func (s *server) access(r *http.Request, x *exchange, began time.Time) {
	ctx := r.Context()
	if !s.log.Enabled(ctx, slog.LevelInfo) {
		return
	}
	status := x.status
	if ctx.Err() != nil && status != http.StatusSwitchingProtocols {
		status = statusGone
	}
	s.log.LogAttrs(ctx, slog.LevelInfo, "request",
		slog.String("method", r.Method),
		slog.String("path", s.shown(r, x)),
		slog.Int("status", status),
		slog.Int64("bytes", x.bytes),
		slog.Duration("duration", time.Since(began)),
		slog.String("remote", r.RemoteAddr),
		slog.String("request_id", x.Header().Get("X-Request-Id")),
	)
}

// shown is the path of a request, with its query, without what is to be printed nowhere.
func (s *server) shown(r *http.Request, x *exchange) string {
	pattern := x.pattern
	if pattern == "" { // a middleware has wrapped x, or nothing has answered
		_, pattern = s.mux.Handler(r)
	}
	if f := s.fields[pattern]; f != nil && f.Sensitive() {
		return pattern
	}
	path := r.URL.EscapedPath()
	if r.URL.RawQuery == "" {
		return path
	}
	query := strings.Split(r.URL.RawQuery, "&")
	for i, pair := range query {
		if name, _, ok := strings.Cut(pair, "="); ok && hidden(name) {
			query[i] = name + "=" + service.Redacted
		}
	}
	return path + "?" + strings.Join(query, "&")
}

// hidden reports whether the value of a query's name is one that nobody is to read in a log.
func hidden(name string) bool {
	if plain, err := url.QueryUnescape(name); err == nil {
		name = plain
	}
	name = strings.NewReplacer("-", "", "_", "").Replace(strings.ToLower(name))
	for _, end := range []string{
		"password", "passwd", "pwd", "passphrase", "secret", "token", "credentials", "signature", "sig",
		"secretkey", "accesskey", "apikey", "privatekey", "auth", "authorization", "session", "sessionid", "code",
	} {
		if strings.HasSuffix(name, end) {
			return true
		}
	}
	return false
}
