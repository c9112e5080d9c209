package runner

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"

	"github.com/gomeko/gomeko/internal/printable"
	"github.com/gomeko/gomeko/internal/secret"
	"github.com/gomeko/gomeko/service"
)

// instance identifies this process: host/pid.
func instance() string {
	machine, _ := os.Hostname()
	return fmt.Sprintf("%s/%d", cmp.Or(machine, "localhost"), os.Getpid())
}

// logTo replaces slog's default logger: it writes to w in the format text or json, with the
// instance in every line.
func logTo(w io.Writer, level slog.Level, format string) {
	opts := &slog.HandlerOptions{Level: level, ReplaceAttr: maskAttr}
	h := callHandler{Handler: slog.NewTextHandler(w, opts)}
	if format == "json" {
		h.Handler = slog.NewJSONHandler(printable.NewWriter(w, printable.JSON), opts)
	}
	slog.SetDefault(slog.New(h).With("instance", instance()))
}

// maskAttr masks what looks like a secret in texts and errors of the log.
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

// A callHandler adds the service, method and call id to every record with the context of a call.
type callHandler struct {
	slog.Handler
	given []string // keys that its records have already
}

func (h callHandler) Handle(ctx context.Context, line slog.Record) error {
	if call := service.FromContext(ctx); call != nil {
		given := slices.Clip(h.given)
		line.Attrs(func(a slog.Attr) bool {
			given = append(given, a.Key)
			return true
		})
		line = line.Clone()
		for _, a := range []slog.Attr{
			slog.String("service", call.Service), slog.String("method", call.Method), slog.String("call_id", call.ID),
		} {
			if !slices.Contains(given, a.Key) {
				line.AddAttrs(a)
			}
		}
	}
	return h.Handler.Handle(ctx, line)
}

// WithAttrs keeps the keys, so that they are not added twice.
func (h callHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	given := slices.Clip(h.given)
	for _, a := range attrs {
		given = append(given, a.Key)
	}
	return callHandler{h.Handler.WithAttrs(attrs), given}
}

// WithGroup begins a group, which has no keys yet.
func (h callHandler) WithGroup(name string) slog.Handler {
	return callHandler{Handler: h.Handler.WithGroup(name)}
}
