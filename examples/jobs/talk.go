package talk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/di"
	"github.com/gomeko/gomeko/jobs"
	"github.com/gomeko/gomeko/service"
)

// Module contains the application.
var Module = fx.Module("talk",
	service.Provide(new(Talk)),
	service.Provide(new(Night)),
	service.Provide(new(Page)),
	di.PerCall(InScratch),
	service.Configure(LogJobs),
)

// Talk has the jobs of the talk.
type Talk struct {
	_ service.Name `service:"talk"`

	Entrypoints struct {
		Adder  jobs.Job `jobs:"adder_job(*args)" queue:"my_queue"`
		Dummy  jobs.Job `jobs:"dummy_result_job" queue:"dummy_queue"`
		Timed  jobs.Job `jobs:"timed_job(seconds=10)" timeout:"10m" max_workers:"4"`
		Logger jobs.Job `jobs:"logger_job(failures=0)" retry:"100ms 1s" done:"Logged"`
	}

	Scratch di.Lazy[Scratch] `inject:""`
}

// Adder is AdderJob: it returns the sum of its arguments.
func (*Talk) Adder(_ context.Context, args []int) (int, error) {
	sum := 0
	for _, n := range args {
		sum += n
	}
	return sum, nil
}

// Dummy is DummyResultJob. Every job has a record, so this one needs nothing more than the others.
func (*Talk) Dummy(context.Context) error { return nil }

// steps is how many steps a TimedJob takes.
const steps = 10

// Timed is TimedJob. It takes the given number of seconds, writes a line into a file after each
// tenth of them, and returns the size of the file.
func (t *Talk) Timed(ctx context.Context, seconds float64) (int64, error) {
	defer logTime(ctx, "timed_job")()
	dir, err := t.Scratch(ctx)
	if err != nil {
		return 0, err
	}
	for i := range steps {
		select {
		case <-time.After(time.Duration(seconds / steps * float64(time.Second))):
		case <-ctx.Done(): // cancelled, timed out, or the process is stopping
			return 0, context.Cause(ctx)
		}
		if err := dir.Append("steps.txt", fmt.Sprintf("step %d\n", i+1)); err != nil {
			return 0, err
		}
		jobs.Progress(ctx, float64(i+1)/steps, fmt.Sprintf("%d of %d", i+1, steps))
	}
	return dir.Size("steps.txt")
}

// Logger is LoggerJob. It fails in its first attempts; failures says in how many.
func (*Talk) Logger(ctx context.Context, failures int) error {
	if service.FromContext(ctx).Attempt <= failures {
		return errors.New("the disk is full")
	}
	return nil
}

// Logged is on_success and on_failure of LoggerJob. It is called once the job has ended.
func (*Talk) Logged(ctx context.Context, o jobs.Outcome) error {
	if o.Err != nil {
		slog.ErrorContext(ctx, "Failed job", "name", o.Name, "attempts", o.Attempts, "err", o.Err)
	} else {
		slog.InfoContext(ctx, "Successfully finished job", "name", o.Name)
	}
	return nil
}
