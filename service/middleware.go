package service

import (
	"context"
	"errors"
	"log/slog"
	"runtime/debug"
	"time"
)

// A Runner runs one call; [FromContext] tells which. A panic of the method comes back as a *[PanicError].
type Runner func(ctx context.Context) (any, error)

// A Middleware wraps every call of a container: it may act before and after, change
// the result, or not run next at all. It is called once for each row, by [New]; the [Runner] it
// returns is called by many goroutines at once, and hands on a context derived from the one it got.
type Middleware func(next Runner) Runner

// observed logs the outcome of every call, and turns a panic into one.
func (f *Field) observed(next Runner) Runner {
	return func(ctx context.Context) (any, error) {
		start := time.Now()
		v, err := recovered(ctx, next)
		f.log(ctx, time.Since(start), err)
		return v, err
	}
}

func (f *Field) log(ctx context.Context, took time.Duration, err error) {
	level, cause := slog.LevelError, context.Cause(ctx)
	switch {
	case err == nil:
		level = slog.LevelDebug
	case Expected(err), errors.Is(err, ErrTimeout) && (Expected(cause) || errors.Is(cause, context.Canceled)): // who asked has gone
		level = slog.LevelWarn
	}
	logger := f.Host.logger
	if !logger.Enabled(ctx, level) {
		return
	}
	call := FromContext(ctx)
	attrs := make([]slog.Attr, 0, 6)
	attrs = append(attrs,
		slog.String("service", call.Service),
		slog.String("method", call.Method),
		slog.String("call_id", call.ID),
		slog.Duration("duration", took),
	)
	if err == nil {
		logger.LogAttrs(ctx, level, "call done", attrs...)
		return
	}
	attrs = append(attrs, slog.Any("err", err))
	var p *PanicError
	if errors.As(err, &p) {
		attrs = append(attrs, slog.String("stack", string(p.Stack)))
	}
	logger.LogAttrs(ctx, level, "call failed", attrs...)
}

// recovered calls next and returns a panic as its error.
func recovered(ctx context.Context, next Runner) (v any, err error) {
	defer func() {
		if p := recover(); p != nil {
			v, err = nil, panicked(p)
		}
	}()
	return next(ctx)
}

// panicked is the error of a call in which value was recovered.
func panicked(value any) error { return &PanicError{Value: value, Stack: debug.Stack()} }
