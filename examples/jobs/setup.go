package talk

import (
	"cmp"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/gomeko/gomeko/di"
	"github.com/gomeko/gomeko/service"
)

// logTime does what set_up and tear_down of TimedJob do, for a job that calls it:
//
//	defer logTime(ctx, "timed_job")()
func logTime(ctx context.Context, name string) (tearDown func()) {
	start := time.Now()
	return func() { slog.InfoContext(ctx, "finished", "name", name, "took", time.Since(start)) }
}

// LogJobs does what set_up and tear_down do for every job of the process. Middleware wraps all
// calls, including those of routes.
func LogJobs(next service.Runner) service.Runner {
	return func(ctx context.Context) (any, error) {
		call := service.FromContext(ctx)
		slog.DebugContext(ctx, "set up", "row", call.Row, "attempt", call.Attempt)
		result, err := next(ctx)
		slog.DebugContext(ctx, "tear down", "row", call.Row, "err", err)
		return result, err
	}
}

// Scratch is a directory that exists for the duration of a call.
type Scratch string

// InScratch gives each call that asks for it an empty directory, and removes it when the call ends.
// It replaces set_up and tear_down where the method uses a value.
func InScratch() di.Provider[Scratch] {
	return func(context.Context) (Scratch, di.Done, error) {
		dir, err := os.MkdirTemp("", "talk-")
		return Scratch(dir), func(err error) error { return cmp.Or(err, os.RemoveAll(dir)) }, err
	}
}

// Append appends a text to a file.
func (s Scratch) Append(name, text string) error {
	f, err := os.OpenFile(filepath.Join(string(s), name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString(text)
	return err
}

// Size returns the size of a file in bytes.
func (s Scratch) Size(name string) (int64, error) {
	info, err := os.Stat(filepath.Join(string(s), name))
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
