package messaging

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"regexp"
	"sync"
	"time"

	"github.com/gomeko/gomeko/internal/clip"
	"github.com/gomeko/gomeko/internal/deadletter"
	"github.com/gomeko/gomeko/internal/headers"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// retries keeps the failed messages of a row: those that wait for a delay, come back through the
// retry queue, and are parked in the dead queue. See docs/wire/failures.md for the queues and
// headers.
//
// Such a message is in one of the queues at every moment, because the delivery is acknowledged only
// after the broker has confirmed the copy.
type retries struct {
	sub    *subscriber
	queues deadletter.Queues
	mover  mover

	life context.Context // ends when the row begins to stop
	end  context.CancelFunc

	mu       sync.Mutex
	consumer *transport.Consumer // of the retry queue; nil until it is consumed
	ended    bool                // no longer consumed
	refusal  error               // the refusal that prevents retries; nil if there is none
}

// init prepares the retries of a bound row.
func (r *retries) init(s *subscriber) {
	cfg, _ := service.Lookup[Config](s.row.Host)
	r.sub, r.queues = s, cfg.queues()
	r.life, r.end = context.WithCancel(context.Background())
	r.mover = mover{shared: s.shared.publishing, pauses: &s.pauses, log: s.row.Logger(), life: r.life, declared: map[string]time.Time{}}
	if s.isTransient() {
		r.refusal = errTransient
	}
}

// errTransient means that a row cannot move its messages to other queues.
var errTransient = errors.New("its queue is deleted with its consumer, or is a stream")

// climbs reports whether messages of the row are retried even if its method does not ask for it.
func (r *retries) climbs() bool { return len(r.sub.Retry) > 0 && !r.off() }

// off reports whether messages of the row cannot be retried.
func (r *retries) off() bool { return r.why() != nil }

// why returns why messages of the row cannot be retried, or nil if they can.
func (r *retries) why() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.refusal
}

// setup declares the retry queue of a row that retries. If the user has no permission to declare
// it, the row works without retries.
func (r *retries) setup(ctx context.Context) error {
	if len(r.sub.Retry) == 0 || r.off() {
		return nil
	}
	err := r.declare(ctx)
	if err == nil { // checks the permission for delay queues: this one never exists
		err = r.sub.conn.Delete(ctx, deadletter.DelayQueue(r.sub.Queue, 0))
	}
	return r.unlessRefused(err)
}

// declare declares the retry queue on the connection that consumes it.
func (r *retries) declare(ctx context.Context) error {
	return r.sub.conn.Declare(ctx, transport.Topology{Queues: []transport.Queue{r.queues.Retry(r.sub.Queue)}})
}

// start begins to consume the retry queue if the row retries, or if the queue exists because a
// method has asked for retries or the row has retried before.
func (r *retries) start(ctx context.Context) error {
	if r.off() {
		return nil
	}
	if len(r.sub.Retry) == 0 {
		if exists, err := r.exists(ctx, deadletter.RetryQueue(r.sub.Queue)); !exists {
			return err
		}
	}
	return r.unlessRefused(r.consume(ctx))
}

// exists reports whether a queue that the row may have made before exists.
func (r *retries) exists(ctx context.Context, queue string) (bool, error) {
	var refused *transport.Error
	_, _, err := r.sub.conn.Inspect(ctx, queue)
	if errors.As(err, &refused) {
		return false, nil // usually it does not exist
	}
	return err == nil, err
}

// accessRefused is the broker's reply code for an operation that the user has no permission for.
const accessRefused = 403

// unlessRefused returns err, or nil if the broker refused a permission: then the row works without
// retries.
func (r *retries) unlessRefused(err error) error {
	var refused *transport.Error
	if !errors.As(err, &refused) || refused.Code != accessRefused {
		return err
	}
	r.mu.Lock()
	r.refusal = err
	r.mu.Unlock()
	names := fmt.Sprintf(`^gomeko\.(delay|retry|suspect|dead)\.%s`, regexp.QuoteMeta(r.sub.Queue))
	r.sub.row.Logger().Error("retry is off: the broker refuses its queues to this user, and failed messages are handled as without retry",
		"queue", r.sub.Queue, "err", err,
		"remedy", fmt.Sprintf(`grant configure and read on "%s", and write on "^amq\.default$", then restart the service`, names))
	return nil
}

// consume begins to consume the retry queue, unless it is consumed already or the row is stopping.
func (r *retries) consume(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.consumer != nil || r.ended {
		return nil
	}
	if err := r.declare(ctx); err != nil {
		return err
	}
	c, err := r.sub.consume(ctx, deadletter.RetryQueue(r.sub.Queue), nil, returned)
	r.consumer = c
	return err
}

// returned returns the message in a delivery of the retry queue. It does not change the delivery,
// which is recognised by its content when it is delivered again.
func returned(d *transport.Delivery) received {
	first := &transport.Delivery{Exchange: d.Exchange, Key: d.Key, Redelivered: d.Redelivered, Properties: d.Properties, Body: d.Body}
	first.Headers = maps.Clone(d.Headers)
	return received{d, first, deadletter.Open(first), false}
}

// retry makes a message wait for its delay.
func (r *retries) retry(ctx context.Context, f *failure) {
	next := f.attempt
	if !f.waits {
		next.Number++
	}
	if next.First.IsZero() && !f.waits {
		next.First = time.Now()
	}
	err := r.listen(ctx)
	if err == nil {
		err = r.mover.move(ctx, f.Delivery, r.queues.Delay(r.sub.Queue, f.delay), next.Publishing(f.first, deadletter.DelayQueue(r.sub.Queue, f.delay)))
	}
	switch {
	case errors.Is(err, errUnsendable):
		f.reason, f.text = deadletter.Exhausted, err.Error()+": "+f.text
		r.park(ctx, f)
	case err != nil:
		f.Reject(true)
	default:
		f.Ack()
		if f.waits {
			return
		}
		r.logger(f).Info("message is handled again later", "queue", r.sub.Queue, "attempt", next.Number, "delay", f.delay)
		r.sub.row.Host.Observers().Retried(ctx, f.observed())
	}
}

// listen begins to consume the retry queue when a method asks for a retry for the first time. If
// that fails, the retry goes on; the next one tries to consume again.
func (r *retries) listen(ctx context.Context) error {
	r.mu.Lock()
	listening := r.consumer != nil
	r.mu.Unlock()
	if listening {
		return nil
	}
	ctx, cancel := either(ctx, r.life)
	defer cancel()
	if err := r.consume(ctx); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		r.sub.row.Logger().Error("the retry queue cannot be consumed: its messages wait there", "queue", deadletter.RetryQueue(r.sub.Queue), "err", err)
	}
	return nil
}

// park moves a message to the dead queue.
func (r *retries) park(ctx context.Context, f *failure) {
	now := time.Now()
	o := deadletter.Original{
		Exchange:  f.attempt.Exchange,
		Key:       f.attempt.Key,
		Queue:     r.sub.Queue,
		Service:   f.row.Service,
		Row:       f.row.Name,
		Reason:    f.reason,
		ErrorType: f.kind,
		Error:     f.text,
		Stack:     f.stack,
		Attempts:  f.attempt.Number,
		First:     f.attempt.First,
		Last:      now,
		Host:      r.sub.row.Host.Instance(),
		Sensitive: f.row.Sensitive(),
	}
	if o.First.IsZero() {
		o.First = now
	}
	p := r.queues.Publishing(f.first, o)
	topology := transport.Topology{Queues: []transport.Queue{r.queues.Dead(r.sub.Queue)}}
	switch err := r.mover.move(ctx, f.Delivery, topology, p); {
	case errors.Is(err, errUnsendable): // returned to the queue, it would fail again at once
		r.logger(f).Error("a failed message cannot be parked: it stays in its queue, and is handled again", "queue", r.sub.Queue, "err", err)
		r.sub.returns.add(f.Delivery)
		return
	case err != nil:
		f.Reject(true)
		return
	}
	f.Ack()
	_ = r.listen(ctx) // for when the message is replayed; an error is logged, or the row is stopping
	r.logParked(f, p)
	r.sub.row.Host.Observers().Parked(ctx, f.observed())
}

// logParked logs that a message was parked, and how to inspect it.
func (r *retries) logParked(f *failure, p transport.Publishing) {
	text := f.text
	if f.row.Sensitive() {
		text = service.Redacted
	}
	parked, _ := deadletter.ReadOriginal(p.Headers)
	r.logger(f).Error("message parked", "queue", r.sub.Queue, "reason", string(f.reason), "attempts", f.attempt.Number,
		"err", clip.Text(text, clip.Log), "look", fmt.Sprintf("gomeko dead show %s %s", r.sub.Queue, parked.ID))
}

// logger returns the logger of the row whose call has failed, with the ids of the calls that led to
// its message.
func (r *retries) logger(f *failure) *slog.Logger {
	return f.row.Logger().With(headers.LogAttrs(f.first)...)
}

// stop stops consuming the retry queue. From then on, messages that cannot be moved return to their
// queue.
func (r *retries) stop(ctx context.Context) error {
	r.end()
	r.mu.Lock()
	r.ended = true
	c := r.consumer
	r.mu.Unlock()
	if c == nil {
		return nil
	}
	return c.Cancel(ctx)
}

// close writes the last acknowledgements, after every call has ended.
func (r *retries) close(ctx context.Context) error {
	r.end()
	r.mu.Lock()
	c := r.consumer
	r.mu.Unlock()
	return errors.Join(r.mover.close(ctx), closeConsumer(ctx, c))
}

func closeConsumer(ctx context.Context, c *transport.Consumer) error {
	if c == nil {
		return nil
	}
	return c.Close(ctx)
}

// either returns a context that ends when either of two ends.
func either(ctx, other context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(other, func() { cancel(context.Cause(other)) })
	return ctx, func() {
		stop()
		cancel(nil)
	}
}
