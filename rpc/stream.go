package rpc

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math"
	"reflect"
	"strings"
	"time"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/rpc/rpcerror"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// The protocol is in docs/wire/streams.md.
const (
	streamType = "gomeko.stream" // of a request that asks for a stream
	partType   = "gomeko.part"
	creditType = "gomeko.credit"

	seqHeader   = "gomeko.seq"   // of a part: its number, from 0
	runHeader   = "gomeko.run"   // of a part and a credit: which run of the producer it belongs to
	askHeader   = "gomeko.ask"   // of a part: the producer asks for a credit
	countHeader = "gomeko.count" // of the last part: how many items there were
	takenHeader = "gomeko.taken" // of a credit: how many parts the reader has taken
)

const (
	defaultStreamParts = 16
	defaultStreamBytes = 1 << 20
	defaultStreamIdle  = time.Minute

	beat   = 5 * time.Second // the longest time between two credits of a reader
	missed = 3               // after so many beats without a credit the reader is gone

	// A part has the items that were made while the one before was sent, up to these bounds. An item
	// over the bounds is sent in its own part.
	partItems = 256
	partBytes = 64 << 10
)

func (c Config) streamParts() int { return cmp.Or(max(0, c.StreamParts), defaultStreamParts) }
func (c Config) streamBytes() int { return cmp.Or(max(0, c.StreamBytes), defaultStreamBytes) }

// streamIdle returns how long a producer waits for its reader, 0 for no limit.
func (c Config) streamIdle() time.Duration { return max(0, cmp.Or(c.StreamIdle, defaultStreamIdle)) }

func (c Config) beat() time.Duration { return cmp.Or(c.pulse, beat) }

// These errors end streams. Their paths are gomeko's.
var (
	// ErrResultTooLarge means that the items which a method yields do not fit into one reply, and that
	// its caller did not ask for a stream.
	ErrResultTooLarge = NewError("gomeko.ResultTooLarge", "result too large")

	// ErrReaderGone means that the reader of a stream was not heard of for too long, or that its queue
	// no longer exists. It is the cause with which the method's ctx ends.
	ErrReaderGone = NewError("gomeko.ReaderGone", "the reader of the stream is gone")

	// ErrStreamIdle means that the reader of a stream has not taken a part for as long as the producer
	// allows: see [Config].StreamIdle.
	ErrStreamIdle = NewError("gomeko.StreamIdle", "the reader of the stream took no part in time")

	// errInterrupted tells the reader of a stream that parts may be missing. The reader turns it into
	// an ErrConnectionLost.
	errInterrupted = NewError("gomeko.StreamInterrupted", "the stream was interrupted")
)

// Stream calls method and yields the items of its result one by one, while the method is still
// making more:
//
//	for order, err := range rpc.Stream[Order](ctx, s.Orders, "export", 2026) {
//		if err != nil {
//			return err
//		}
//
// The call begins with the loop, and a second loop makes another call. A stream that ends without
// an error is complete. An error is yielded last, with the zero T: it is the method's error, as
// from [Client.Call], or [ErrConnectionLost] if parts may be missing. If the loop ends early, or
// ctx ends, the method's ctx ends too.
//
// The method makes no more items than the reader can hold: up to [Config].StreamParts messages are
// in flight. The option [Timeout], or else [Config].Timeout, limits the time until the first part
// and between two parts. The deadline of ctx limits the whole stream.
//
// A method that does not stream, such as one of a Nameko service, must return a list; its elements
// are yielded. args are those of [Client.Call].
func Stream[T any](ctx context.Context, c Client, method string, args ...any) iter.Seq2[T, error] {
	body, spelling := requestOf(args), spellingOf(args)
	return func(yield func(T, error) bool) {
		var zero T
		err := c.stream(ctx, method, body, spelling, func(bool) any { return new([]T) }, func(list any) (n int, more bool) {
			for _, item := range *list.(*[]T) {
				if n++; !yield(item, nil) {
					return n, false
				}
			}
			return n, true
		})
		if err != nil {
			yield(zero, err)
		}
	}
}

// streamOf is Stream for an iterator whose type is known at run time. all yields the items.
func (c Client) streamOf(ctx context.Context, method string, item reflect.Type, body requestBody) func(yield func(reflect.Value, error) bool) {
	return func(yield func(reflect.Value, error) bool) {
		list := reflect.SliceOf(item)
		err := c.stream(ctx, method, body, "", func(bool) any { return reflect.New(list).Interface() }, func(items any) (int, bool) {
			all := reflect.ValueOf(items).Elem()
			for i := range all.Len() {
				if !yield(all.Index(i), nil) {
					return i, false
				}
			}
			return all.Len(), true
		})
		if err != nil {
			yield(reflect.Value{}, err)
		}
	}
}

// Each calls method. If the method streams, Each calls item with each item of the result as it
// arrives, as JSON; otherwise it returns the result. An error of item ends the stream and is
// returned. Each is for programs that do not know what a method returns; others use [Stream] or
// [Client.Call].
func (c Client) Each(ctx context.Context, method string, item func(json.RawMessage) error, args ...any) (result json.RawMessage, err error) {
	var failed error
	into := func(whole bool) any {
		if whole {
			return &result
		}
		return new([]json.RawMessage)
	}
	err = c.stream(ctx, method, requestOf(args), spellingOf(args), into, func(list any) (n int, more bool) {
		items, _ := list.(*[]json.RawMessage)
		if items == nil {
			return 0, true
		}
		for _, one := range *items {
			if failed = item(one); failed != nil {
				return n, false
			}
			n++
		}
		return n, true
	})
	return result, cmp.Or(err, failed)
}

// An intoFunc returns a pointer to decode into: the items of a part, or a whole result.
type intoFunc func(whole bool) any

// A listFunc takes what was decoded. It returns how many items it took, and whether it wants more.
type listFunc func(list any) (n int, more bool)

// stream makes a call whose result is a stream. It returns nil as soon as yield wants no more.
func (c Client) stream(ctx context.Context, method string, body requestBody, spelling string, into intoFunc, yield listFunc) (err error) {
	if c.caller == nil {
		return errUnbound
	}
	o := optionsOf(ctx)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	limit := max(0, cmp.Or(o.timeout, c.caller.cfg.Timeout, defaultTimeout))
	r := c.caller.newReply(c.service, method, o.id)
	r.spelling, r.cancel, r.kind = spelling, cancel, streamType
	r.in = newReceiver(c.caller.cfg, r.credit)
	if !c.caller.begin(ctx, r, body, o, limit) {
		err = r.read(ctx, nil)
		r.tell(err)
		return err
	}
	defer c.caller.leave(r)
	err = r.parts(ctx, limit, into, yield)
	r.tell(err)
	return err
}

// begin sends the request of a stream, which expires after limit.
func (c *Caller) begin(ctx context.Context, r *Reply, body requestBody, o options, limit time.Duration) bool {
	if limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	return c.send(ctx, r, body, o, true)
}

// leave ends a stream for its reader, and cancels it unless its last part has arrived.
func (c *Caller) leave(r *Reply) {
	waiting := c.forget(r.id)
	if r.in.close(); waiting {
		c.sendCancel(r)
	}
}

// parts reads the parts of a stream until the last one.
func (r *Reply) parts(ctx context.Context, limit time.Duration, into intoFunc, yield listFunc) error {
	items := 0
	for {
		d, err := r.next(ctx, limit, items)
		if err != nil {
			return err
		}
		r.delivery = d
		list := into(d.Type != partType)
		if err := r.read(ctx, list); err != nil {
			return r.interrupted(err, items)
		}
		n, more := yield(list)
		if items += n; !more {
			return nil
		}
		switch count, last := whole(d.Headers[countHeader]); {
		case d.Type != partType:
			return nil
		case last && count != items:
			return r.interrupted(miscounted(count), items)
		case last:
			return nil
		}
	}
}

// miscounted returns the error of a stream whose last part counts other items than have arrived.
func miscounted(count int) error {
	return fmt.Errorf("its last part counts %d: %w", count, ErrConnectionLost)
}

// next returns the next part. limit is how long it may take to arrive; 0 is no limit.
func (r *Reply) next(ctx context.Context, limit time.Duration, items int) (*transport.Delivery, error) {
	if d, err := r.in.take(); d != nil || err != nil {
		return d, r.interrupted(err, items)
	}
	defer service.Lend(ctx)()
	r.waiters.Add(1)
	defer r.waiters.Add(-1)
	r.caller.notifyWaiting(ctx, r.service)
	var late <-chan time.Time
	if limit > 0 {
		timer := time.NewTimer(limit)
		defer timer.Stop()
		late = timer.C
	}
	for {
		select {
		case <-r.in.wake:
			if d, err := r.in.take(); d != nil || err != nil {
				return d, r.interrupted(err, items)
			}
		case <-ctx.Done():
			return nil, r.failed(r.after(ended(ctx), items))
		case <-late:
			return nil, r.overdue(limit, items)
		}
	}
}

// overdue returns the error of a stream whose next part did not come in time.
func (r *Reply) overdue(limit time.Duration, items int) error {
	if r.in.begun() {
		return rpcerror.NewTimeout(fmt.Sprintf("%s: no part within %s, after %d items", r.name(), limit, items), nil)
	}
	return r.caller.overdue(r, fmt.Errorf("no reply: %w", context.DeadlineExceeded))
}

// interrupted returns the error of a stream that breaks off because of err, nil if err is nil.
func (r *Reply) interrupted(err error, items int) error {
	var remote *Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &remote) && errors.Is(remote, errInterrupted):
		return fmt.Errorf("%s: %w: %s", r.name(), r.after(ErrConnectionLost, items), remote.Value)
	case strings.HasPrefix(err.Error(), r.name()+": "):
	case errors.Is(err, ErrConnectionLost), errors.Is(err, transport.ErrClosed):
		return fmt.Errorf("%s: %w", r.name(), r.after(err, items))
	}
	return err
}

// after adds to err how many items of the stream came before it.
func (r *Reply) after(err error, items int) error {
	if items == 0 {
		return err
	}
	return fmt.Errorf("after %d items: %w", items, err)
}

// streams reports whether d belongs to a stream of the call. A credit for an argument is taken.
func (r *Reply) streams(d *transport.Delivery) bool {
	if r.out != nil && d.Type == creditType {
		r.out.pulled(d)
		return true
	}
	return r.in != nil
}

// credit tells the producer of a stream how many of its parts are taken. If that cannot be sent,
// the next beat repeats it.
func (r *Reply) credit(to, run string, taken int, settled func(error)) {
	c := r.caller
	if !c.enter() {
		return
	}
	defer c.late.Done()
	ctx, cancel := context.WithTimeout(c.life, cancelLimit)
	defer cancel()
	_ = c.credits.Send(ctx, creditOf(c.cfg, to, requestID{c.replyTo, r.id}, run, taken), settled)
}

// creditOf returns the message that gives credit to the producer of a stream.
func creditOf(cfg Config, to string, id requestID, run string, taken int) transport.Publishing {
	return transport.Publishing{
		Exchange:  cfg.exchange(),
		Key:       to,
		Mandatory: true,
		Properties: transport.Properties{
			Type:            creditType,
			ContentType:     codec.JSON.ContentType(),
			ContentEncoding: codec.JSON.ContentEncoding(),
			CorrelationID:   id.CorrelationID,
			ReplyTo:         id.ReplyTo,
			Expiration:      cancelValid,
			Headers:         transport.Table{takenHeader: int64(taken), runHeader: run},
		},
	}
}

// whole returns the value of a header that is an integer of any size in AMQP.
func whole(header any) (n int, ok bool) {
	switch v := reflect.ValueOf(header); {
	case !v.IsValid():
		return 0, false
	case v.CanInt():
		return int(v.Int()), true
	case v.CanUint() && v.Uint() <= math.MaxInt:
		return int(v.Uint()), true
	}
	return 0, false
}
