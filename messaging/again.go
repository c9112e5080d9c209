package messaging

import (
	"context"
	"errors"
	"time"

	"github.com/gomeko/gomeko/service"
)

// againLimit limits how long a message of a queue that ends with its consumer is handled again,
// counted from its first failure.
const againLimit = time.Minute

// endsWithConsumer reports whether messages of the row are handled again in this process, because
// its queue is exclusive, deleted with its consumer, or expires. A delay queue would outlive it.
func (s *subscriber) endsWithConsumer() bool { return !s.isStream() && s.isTransient() && !s.AckEarly }

// again handles a message whose call has failed with err again, in this process, as often as the
// row says and for a minute at most. It returns nil, or the last error.
func (s *subscriber) again(ctx context.Context, r service.Request, err error) error {
	began, retried := time.Now(), false
	next := func(attempt int, err error) (delay time.Duration, again bool) {
		_ = s.row.Apart(func() { delay, again = s.delay(attempt, err) })
		again = again && time.Since(began)+delay <= againLimit
		if !again && retried {
			s.row.Logger().Error("message dropped: it failed for the last time, and its queue cannot keep it", "queue", s.Queue, "attempts", attempt)
		}
		retried = retried || again
		return delay, again
	}
	_, err = s.row.RunAgain(ctx, r, err, next)
	if errors.Is(err, service.ErrStopped) { // a message returned before that would come back to this process
		select {
		case <-s.retries.life.Done():
		case <-r.Withdrawn:
		case <-ctx.Done():
		}
	}
	return err
}

// delay returns how long a message waits after its attempt-th failure, and false if it is not
// handled again. The error's methods are the service's code.
func (s *subscriber) delay(attempt int, err error) (time.Duration, bool) {
	verdict := service.VerdictOf(err)
	delay, more := s.Retry.Delay(attempt)
	switch {
	case verdict.Action != service.Retry:
		return 0, false
	case !verdict.Asked:
		return delay, more
	}
	delay, err = s.Retry.After(verdict.After)
	return delay, err == nil && (more || len(s.Retry) == 0)
}
