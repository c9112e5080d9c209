package servicetest

import (
	"context"
	"log"
	"log/slog"
	"sync"

	"github.com/gomeko/gomeko/service"
)

// A logRouter is slog's default handler while services are tested: a record with the context of a
// call goes to the logger of its container, any other one to the previous default handler.
type logRouter struct {
	slog.Handler                                 // before
	derive       func(slog.Handler) slog.Handler // WithAttrs and WithGroup, as they were called
}

var routing sync.Mutex

// routeDefaultLog makes a logRouter slog's default handler, unless it is one.
func routeDefaultLog() {
	routing.Lock()
	defer routing.Unlock()
	before := slog.Default().Handler()
	if _, ok := before.(logRouter); ok {
		return
	}
	w, flags := log.Writer(), log.Flags() // SetDefault sends package log to the handler, and slog's first one uses package log
	slog.SetDefault(slog.New(logRouter{before, func(h slog.Handler) slog.Handler { return h }}))
	log.SetOutput(w)
	log.SetFlags(flags)
}

// target returns the handler of a record with ctx.
func (r logRouter) target(ctx context.Context) slog.Handler {
	if service.FromContext(ctx) == nil {
		return r.Handler
	}
	h := service.Logger(ctx).Handler()
	if _, ok := h.(logRouter); ok { // the container's logger is slog's default
		return r.Handler
	}
	return service.NewLogHandler(r.derive(h))
}

func (r logRouter) Enabled(ctx context.Context, level slog.Level) bool {
	return r.target(ctx).Enabled(ctx, level)
}

func (r logRouter) Handle(ctx context.Context, line slog.Record) error {
	return r.target(ctx).Handle(ctx, line)
}

func (r logRouter) WithAttrs(attrs []slog.Attr) slog.Handler {
	return r.with(func(h slog.Handler) slog.Handler { return h.WithAttrs(attrs) })
}

func (r logRouter) WithGroup(name string) slog.Handler {
	return r.with(func(h slog.Handler) slog.Handler { return h.WithGroup(name) })
}

func (r logRouter) with(step func(slog.Handler) slog.Handler) slog.Handler {
	return logRouter{step(r.Handler), func(h slog.Handler) slog.Handler { return step(r.derive(h)) }}
}
