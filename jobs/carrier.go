package jobs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gomeko/gomeko/internal/clip"
	"github.com/gomeko/gomeko/internal/connection"
	"github.com/gomeko/gomeko/internal/deadletter"
	"github.com/gomeko/gomeko/internal/headers"
	"github.com/gomeko/gomeko/internal/wait"
	"github.com/gomeko/gomeko/jobs/store"
	"github.com/gomeko/gomeko/messaging"
	"github.com/gomeko/gomeko/rpc/rpcerror"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/timer"
	"github.com/gomeko/gomeko/transport"
)

const (
	// aloneLimit is the longest time that a job may run without a store, and aloneWait how long it
	// waits for a worker before it is delayed. Its message is unacknowledged meanwhile, and
	// RabbitMQ requeues it after 30 minutes (consumer_timeout).
	aloneLimit = 25 * time.Minute
	aloneWait  = 10 * time.Second

	// tellLimit limits the time to send an outcome, and the time for the done hook to succeed.
	tellLimit = 90 * time.Second
)

// delays are the times of the broker's delay queues. A delayed message waits in the queue with the
// longest one that is not too long, and then for the rest.
var delays = []time.Duration{time.Second, 5 * time.Second, 30 * time.Second, time.Minute, 5 * time.Minute, 30 * time.Minute,
	3 * time.Hour, 12 * time.Hour}

// levelOf returns the longest delay that is not longer than d, or the shortest if all are longer.
func levelOf(d time.Duration) time.Duration {
	i, found := slices.BinarySearch(delays, d)
	if found || i == 0 {
		return delays[i]
	}
	return delays[i-1]
}

// A carrier serves a queue without a store, where the message is the job. It acknowledges a message
// when the job has ended, its outcome has been sent and its done hook has run. It implements
// [messaging.Server].
type carrier struct {
	*queue
	row      *service.Row       // the first row
	messages service.Entrypoint // of the queue
	beats    []timer.Member     // of the periodic rows
}

// newCarrier returns the carrier of a queue whose first row is w.
func newCarrier(q *queue, w *work) (c *carrier, err error) {
	c = &carrier{queue: q, row: w.Row}
	if c.messages, err = messaging.Serve(w.Row, q.name, c); err != nil {
		return nil, err
	}
	return c, connection.Planned(q.process.host, c.plan)
}

// plan returns what the carrier uses on the broker, besides its own messages. It publishes jobs
// that no queue was bound for, jobs of ticks, and outcomes.
func (c *carrier) plan() connection.Plan {
	return connection.Plan{
		By: "jobs of " + c.service, Writes: []string{exchangeName},
		Later: transport.Use{Consumes: []string{unroutedName}, Writes: []string{""}},
	}
}

// add adds a row. It returns an error that names what needs a store.
func (c *carrier) add(w *work) error {
	var mistakes []error
	if w.Timeout() > aloneLimit {
		mistakes = append(mistakes, fmt.Errorf("timeout: more than %s %w", aloneLimit, ErrNoStore))
	}
	if w.rule != nil {
		mistakes = append(mistakes, w.rule.checkAlone())
	}
	if w.plan != nil {
		beat, err := c.beatAlone(w)
		mistakes = append(mistakes, err, w.checkCronAlone())
		c.beats = append(c.beats, beat)
	}
	return errors.Join(mistakes...)
}

// Setup declares the queue, and the queues of the periodic rows.
func (c *carrier) Setup(ctx context.Context) error {
	var errs []error
	if m, ok := c.messages.(interface{ Setup(context.Context) error }); ok {
		errs = append(errs, m.Setup(ctx))
	}
	for _, b := range c.beats {
		errs = append(errs, b.Setup(ctx))
	}
	return errors.Join(errs...)
}

// Start begins consuming, and publishing the jobs of the periodic rows.
func (c *carrier) Start(ctx context.Context) error {
	if err := c.messages.Start(ctx); err != nil {
		return err
	}
	for _, b := range c.beats {
		if err := b.Start(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Stop stops both. Running jobs continue.
func (c *carrier) Stop(ctx context.Context) error {
	var errs []error
	for _, b := range c.beats {
		errs = append(errs, b.Stop(ctx))
	}
	return errors.Join(append(errs, c.messages.Stop(ctx))...)
}

// Topology returns the queue, with its bindings.
func (c *carrier) Topology() transport.Topology { return c.topology }

// Workers returns how many jobs run at once: one if the queue is that of a resource.
func (c *carrier) Workers() int {
	if c.alone {
		return 1
	}
	return c.workers()
}

// Serve runs a job, or delays it.
func (c *carrier) Serve(ctx context.Context, t *messaging.Task) messaging.End {
	job, err := c.jobOf(t.Delivery)
	if err != nil {
		c.log().With(headers.LogAttrs(t.Delivery)...).Error("message is not a job", "queue", c.name, "key", t.Key, "err", clip.Error(err))
		return messaging.End{Fate: messaging.Parked, Reason: string(deadletter.Unreadable), Err: err}
	}
	t.MessageID = job.ID // it keeps one that it was given here
	w := c.rows[job.Name]
	j := &store.Job{
		ID: job.ID, Service: job.Service, Name: job.Name, Queue: job.Queue, Payload: job.Payload, ContentType: job.ContentType,
		Headers: job.Headers, ReplyTo: job.ReplyTo, CorrelationID: job.CorrelationID, Attempt: t.Attempt, Deaths: t.Deaths,
	}
	if t.Redelivered {
		j.Deaths = max(1, j.Deaths)
	}
	switch early := time.Until(job.At); {
	case t.Killed:
		text := fmt.Sprintf("%d workers died with it", t.Deaths)
		return c.conclude(ctx, w, j, store.End{State: store.Failed, ErrorType: store.Suspect, Error: text}, errors.New(text))
	case !job.At.IsZero() && early > 0 && (early > delays[0] || !c.await(ctx, t, early)):
		return messaging.End{Fate: messaging.Delayed, Delay: levelOf(early)}
	case w == nil:
		return c.unknown(ctx, t, j)
	}
	delete(t.Headers, unknownHeader)
	return c.perform(ctx, w, t, j)
}

// await waits for the rest of a job's delay, and reports whether it is over. It returns false if
// the process stops or the queue is paused first.
func (c *carrier) await(ctx context.Context, t *messaging.Task, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-t.Withdrawn:
	case <-c.process.host.Stopping():
	case <-ctx.Done():
	}
	return false
}

// unknown delays a job whose name no row has, and finally parks it.
func (c *carrier) unknown(ctx context.Context, t *messaging.Task, j *store.Job) messaging.End {
	text, _ := t.Headers[unknownHeader].(string)
	since, err := time.Parse(time.RFC3339, text)
	if err != nil {
		since = time.Now()
		t.Headers[unknownHeader] = since.UTC().Format(time.RFC3339)
	}
	j.Created, j.Started = since, time.Now()
	end := c.shared.unknown(j)
	if end.State == store.Scheduled {
		return messaging.End{Fate: messaging.Delayed, Delay: end.In}
	}
	delete(t.Headers, unknownHeader) // it may be handed to the service again
	return c.conclude(ctx, nil, j, end, rpcerror.New(end.ErrorType, end.Error))
}

// perform runs a job as soon as a worker is free.
func (c *carrier) perform(ctx context.Context, w *work, t *messaging.Task, j *store.Job) messaging.End {
	v, busy := w.await(ctx, t)
	switch {
	case busy:
		return messaging.End{Fate: messaging.Delayed, Delay: delays[1]}
	case v == nil:
		return messaging.End{}
	}
	l := c.hold(ctx, j)
	if w.Timeout() == 0 {
		limit := time.AfterFunc(aloneLimit, func() { l.cancel(context.DeadlineExceeded) })
		defer limit.Stop()
	}
	result, err := w.call(c.process, l, j, v)
	end := w.judge(l, j, result, err)
	switch end.State {
	case store.Queued:
		return messaging.End{}
	case store.Scheduled:
		return w.again(t, end.In, err)
	}
	return c.conclude(ctx, w, j, end, err)
}

// await waits for a worker. It returns nil and true if none becomes free in time, and nil and false
// if the message must be requeued.
func (w *work) await(ctx context.Context, t *messaging.Task) (v *service.Reservation, busy bool) {
	if v = w.TryReserve(); v != nil {
		return v, false
	}
	ctx, cancel := context.WithTimeout(ctx, aloneWait)
	defer cancel()
	go func() {
		select {
		case <-t.Withdrawn:
			cancel()
		case <-ctx.Done():
		}
	}()
	v = w.Reserve(ctx.Done())
	return v, v == nil && errors.Is(ctx.Err(), context.DeadlineExceeded)
}

// hold returns a lease that never ends: the broker keeps the job.
func (c *carrier) hold(ctx context.Context, j *store.Job) *lease {
	l := &lease{leases: &c.process.leases, id: j.ID, attempt: j.Attempt}
	l.ctx, l.cancel = context.WithCancelCause(ctx)
	return l
}

// again delays a job until its next attempt. A delay of its row has its own queue; any other time
// is in a header.
func (w *work) again(t *messaging.Task, in time.Duration, err error) messaging.End {
	end := messaging.End{Fate: messaging.Retried, Row: w.Row, Delay: in, Err: err}
	if delete(t.Headers, runAtHeader); !slices.Contains(w.ladder, in) {
		t.Headers[runAtHeader] = time.Now().Add(in).UTC().Format(time.RFC3339Nano)
		end.Delay = levelOf(in)
	}
	return end
}

// conclude sends the outcome of a job that has ended, calls its done hook, and returns how to
// settle its message. w is nil if no row has the job's name.
func (c *carrier) conclude(ctx context.Context, w *work, j *store.Job, end store.End, err error) messaging.End {
	j.State, j.Result, j.ErrorType, j.Error = end.State, end.Result, end.ErrorType, end.Error
	if !c.tell(ctx, w, j) {
		return messaging.End{} // the job runs again, and is concluded then
	}
	result := messaging.End{Fate: messaging.Handled, Err: err}
	if w != nil {
		result.Row = w.Row
	}
	switch end.State {
	case store.Cancelled:
		result.Fate, result.Reason = messaging.Dropped, string(deadletter.Asked)
	case store.Failed:
		result.Fate, result.Reason = messaging.Parked, string(deadletter.Exhausted)
		_ = c.row.Apart(func() { // the methods of an error are the service's code
			switch verdict := service.VerdictOf(err); {
			case verdict.Action != service.Parked:
			case verdict.Asked:
				result.Reason = string(deadletter.Asked)
			default:
				result.Reason = string(deadletter.Expected)
			}
		})
	}
	return result
}

// tell sends the outcome to the queue that the job named, and calls the done hook of its row. It
// returns false if this must be repeated.
func (c *carrier) tell(ctx context.Context, w *work, j *store.Job) bool {
	o, l := OutcomeOf(j), c.hold(ctx, j)
	defer l.cancel(nil)
	limit := time.AfterFunc(tellLimit, func() { l.cancel(context.DeadlineExceeded) })
	defer limit.Stop()
	for j.ReplyTo != "" && !c.process.reply(l.ctx, j, o) {
		if !wait.For(l.ctx, awayMin) {
			return false
		}
	}
	if w == nil || w.done == nil || w.callDone(l, j, o) {
		return true
	}
	if errors.Is(context.Cause(l.ctx), context.DeadlineExceeded) {
		w.log(j).Error("the done hook of a job has not succeeded and is not called again", "within", tellLimit)
		return true
	}
	return false
}
