package talk

import (
	"context"

	"github.com/gomeko/gomeko/jobs"
	"github.com/gomeko/gomeko/transport"
)

// Add is the main function of a program that hosts no services. It needs no database: it publishes
// a message and receives the outcome in its own queue.
func Add(ctx context.Context, uri string, numbers ...int) (sum int, err error) {
	conn, err := transport.Dial(ctx, transport.Config{URI: uri})
	if err != nil {
		return 0, err
	}
	defer conn.Close(ctx)
	e, err := jobs.NewEnqueuer(ctx, conn, jobs.Config{})
	if err != nil {
		return 0, err
	}
	defer e.Close(ctx)
	talk, err := jobs.Bind[TalkJobs](e)
	if err != nil {
		return 0, err
	}
	ref, err := talk.Add(ctx, numbers)
	if err != nil {
		return 0, err
	}
	return ref.Wait(ctx)
}
