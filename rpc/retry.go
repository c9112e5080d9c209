package rpc

import (
	"context"
	"errors"
	"time"

	"github.com/gomeko/gomeko/service"
)

const (
	// unlimitedRetries limits for how long [service.RetryAfter] is honoured if the request has no
	// expiration and the row has no ladder, since nothing else would end the retries.
	unlimitedRetries = time.Minute

	minRetry = 100 * time.Millisecond // the shortest delay of service.RetryAfter
)

// retryOf reads the delays between the attempts of a call.
func retryOf(tag service.Tag, ack string) (service.Ladder, error) {
	text := tag.Get("retry")
	if text == "" {
		return nil, nil
	}
	delays, err := service.ParseLadder(text)
	if err == nil && len(delays) > 0 && ack == "before" {
		err = errors.New(`retry and ack:"before" contradict each other: a request that is acknowledged first runs at most once: remove one of them`)
	}
	return delays, err
}

// retry runs a failed call again, as long as its row says so and its caller waits: ctx has the
// caller's deadline. The request stays unacknowledged. A cancellation may arrive at any time.
func (s *server) retry(ctx context.Context, r *request, call service.Request, err error) (any, error) {
	began := time.Now()
	next := func(attempt int, err error) (time.Duration, bool) {
		delay, again := r.row.delay(attempt, err)
		_, limited := ctx.Deadline()
		if len(r.row.delays) == 0 && !limited && time.Since(began)+delay > unlimitedRetries {
			return 0, false
		}
		return delay, again
	}
	if _, again := next(1, err); !again {
		return nil, err
	}
	ctx, running := s.shared.cancels.begin(ctx, r.Delivery)
	defer running.end()
	call.Cancel = nil // it would end ctx with the first run
	if r.row.streams {
		r.cancel = running.cancel
	}
	result, err := r.row.RunAgain(ctx, call, err, next)
	if errors.Is(err, service.ErrStopped) { // a request returned before that would come back to this process
		select {
		case <-s.consumers.halted:
		case <-ctx.Done():
		}
	}
	return result, err
}

// delay returns how long a call waits after its attempt-th failure, and false if it does not run
// again. Park and Drop only end the retries, since the caller has the error. The methods of err are
// the service's code and may panic; such an error counts as a fault.
func (r *row) delay(attempt int, err error) (delay time.Duration, again bool) {
	if r.ackFirst {
		return 0, false
	}
	defer func() {
		if recover() != nil {
			delay, again = r.delays.Delay(attempt)
		}
	}()
	v := service.VerdictOf(err)
	if v.Action != service.Retry {
		return 0, false
	}
	delay, again = r.delays.Delay(attempt)
	if !v.Asked {
		return delay, again
	}
	return max(v.After, minRetry), again || len(r.delays) == 0
}
