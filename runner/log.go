package runner

import (
	"io"
	"log/slog"

	"github.com/gomeko/gomeko/internal/printable"
	"github.com/gomeko/gomeko/internal/secret"
	"github.com/gomeko/gomeko/internal/supervisor"
	"github.com/gomeko/gomeko/service"
)

// logTo replaces slog's default logger with one that writes text or json to w. Every line has the
// instance, which is the name of the process, and the process's number if a parent runs several.
func logTo(w io.Writer, level slog.Leveler, format, instance string, parent *supervisor.Parent) {
	opts := &slog.HandlerOptions{Level: level, ReplaceAttr: maskAttr}
	var h slog.Handler = slog.NewTextHandler(w, opts)
	if format == "json" {
		opts.ReplaceAttr = jsonAttr
		h = slog.NewJSONHandler(printable.NewWriter(w, printable.JSON), opts)
	}
	log := slog.New(service.NewLogHandler(h)).With("instance", instance)
	if parent != nil && parent.Of > 1 {
		log = log.With("process", parent.Process)
	}
	slog.SetDefault(log)
}

// maskAttr masks texts and errors that look like secrets.
func maskAttr(_ []string, a slog.Attr) slog.Attr {
	switch a.Value.Kind() {
	case slog.KindString:
		a.Value = slog.StringValue(secret.Mask(a.Value.String()))
	case slog.KindAny:
		if err, ok := a.Value.Any().(error); ok {
			a.Value = slog.StringValue(secret.Mask(err.Error()))
		}
	}
	return a
}

// jsonAttr is maskAttr for JSON. It writes durations as text such as 1.5s, because JSON has no type
// for them.
func jsonAttr(groups []string, a slog.Attr) slog.Attr {
	if v := a.Value.Resolve(); v.Kind() == slog.KindDuration {
		return slog.String(a.Key, v.Duration().String())
	}
	return maskAttr(groups, a)
}
