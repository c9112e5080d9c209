package service

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/gomeko/gomeko/internal/clip"
)

// Logger returns the logger of the container that runs the call of ctx, or slog.Default() outside
// of a call.
func Logger(ctx context.Context) *slog.Logger {
	if c, ok := ctx.Value(runKey{}).(*run); ok {
		return c.row.container.logger
	}
	return slog.Default()
}

// NewLogHandler returns a handler that adds to each record logged with a call's context the
// attributes that identify the call: service, method, call_id, root_call_id, instance,
// parent_call_id if another call led to it, and trace_id if it is traced. Programs of package
// runner log with it. Use it for loggers of your own.
func NewLogHandler(h slog.Handler) slog.Handler { return logHandler{Handler: h} }

// attrs returns the attributes of the call for a log line.
func (c *Call) attrs() []slog.Attr {
	attrs := make([]slog.Attr, 4, 8)
	attrs[0] = slog.String("service", c.Service)
	attrs[1] = slog.String("method", c.Method)
	attrs[2] = slog.String("call_id", c.ID)
	attrs[3] = slog.String("root_call_id", LoggedID(c.Root()))
	if n := len(c.Parents); n > 0 {
		attrs = append(attrs, slog.String("parent_call_id", LoggedID(c.Parents[n-1])))
	}
	if c.TraceID != "" {
		attrs = append(attrs, slog.String("trace_id", c.TraceID))
	}
	return attrs
}

// maxLoggedID limits how many bytes of an id sent by another process are logged.
const maxLoggedID = 200

// LoggedID returns an id sent by another process, cut to at most 200 bytes, as it is logged.
func LoggedID(id string) string { return id[:min(len(id), maxLoggedID)] }

type logHandler struct {
	slog.Handler
	given []string // keys that its records already have
}

func (h logHandler) Handle(ctx context.Context, line slog.Record) error {
	if call := FromContext(ctx); call != nil {
		given := slices.Clip(h.given)
		line.Attrs(func(a slog.Attr) bool {
			given = append(given, a.Key)
			return true
		})
		line = line.Clone()
		for _, a := range append(call.attrs(), slog.String("instance", call.Instance)) {
			if !slices.Contains(given, a.Key) {
				line.AddAttrs(a)
			}
		}
	}
	return h.Handler.Handle(ctx, line)
}

// WithAttrs keeps the keys, so that they are not added twice.
func (h logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	given := slices.Clip(h.given)
	for _, a := range attrs {
		given = append(given, a.Key)
	}
	return logHandler{h.Handler.WithAttrs(attrs), given}
}

// WithGroup begins a group, which has no keys yet.
func (h logHandler) WithGroup(name string) slog.Handler {
	return logHandler{Handler: h.Handler.WithGroup(name)}
}

// log logs how the call has ended.
func (c *run) log(level slog.Level, message string, err error) {
	logger := c.row.container.logger
	if !logger.Enabled(c, level) {
		return
	}
	attrs := append(c.call.attrs(), slog.Duration("duration", time.Since(c.began)))
	if err != nil {
		attrs = append(attrs, slog.Any("err", clip.Error(err)))
		var p *PanicError
		if errors.As(err, &p) {
			attrs = append(attrs, slog.String("stack", string(p.Stack)))
		}
	}
	logger.LogAttrs(c, level, message, attrs...) //nolint:sloglint // a constant of each caller
}
