package rpc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/internal/id"
	"github.com/gomeko/gomeko/internal/sequence"
	"github.com/gomeko/gomeko/rpc/rpcerror"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/signature"
	"github.com/gomeko/gomeko/transport"
)

// A streamed argument is an object with this member in the request. Its items are sent in parts,
// like those of a result, once the service asks for them with a credit.
const argumentMember = "gomeko.stream"

// stopHeader is a header of a credit: the reader wants no more parts.
const stopHeader = "gomeko.stop"

// upload makes a call with a streamed argument, whose items are those of seq.
func (c Client) upload(ctx context.Context, method string, result any, body requestBody, seq any) (err error) {
	if c.caller == nil {
		return errUnbound
	}
	o := optionsOf(ctx)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	limit := max(0, cmp.Or(o.timeout, c.caller.cfg.Timeout, defaultTimeout))
	r := c.caller.newReply(c.service, method, o.id)
	r.cancel = cancel
	r.out = newSender(c.caller.cfg, nil, requestID{"", r.id}, c.caller.replyTo, cmp.Or(o.codec, c.caller.codec), c.caller.credits.Send)
	r.out.run, r.out.opened = "", make(chan struct{})
	if c.caller.begin(ctx, r, body, o, limit) {
		r.out.conn = c.caller.conn
		c.caller.supply(ctx, r, limit, seq)
	}
	err = r.read(ctx, result)
	r.tell(err)
	return err
}

// supply sends the items of seq when the service wants them, and waits for the reply.
func (c *Caller) supply(ctx context.Context, r *Reply, limit time.Duration, seq any) {
	defer service.Lend(ctx)()
	r.waiters.Add(1)
	defer r.waiters.Add(-1)
	c.notifyWaiting(ctx, r.service)
	why := r.until(ctx, limit, r.out.opened)
	if why == nil && !r.ended() {
		err := sequence.Each(seq, func(item reflect.Value) error { return r.out.add(ctx, item.Interface()) })
		if failed := r.out.failure(); failed != nil {
			err = failed
		}
		if flushErr := r.out.flush(); err == nil {
			err = flushErr
		}
		switch {
		case errors.Is(err, errEnded): // the reply has come, or the method wants no more
		case r.out.failure() != nil || ctx.Err() != nil:
			why = err
		default:
			why = r.out.last(ctx, err)
		}
	}
	r.out.stop(errEnded)
	if why == nil {
		why = r.until(ctx, limit, nil)
	}
	if why != nil && c.forget(r.id) {
		c.sendCancel(r)
		c.mu.Lock()
		r.settle(nil, uploadError(r, why))
		c.mu.Unlock()
	}
	<-r.done
}

// uploadError returns the error of a call whose argument could not be sent.
func uploadError(r *Reply, why error) error {
	if errors.Is(why, ErrReaderGone) || errors.Is(why, errInterrupted) {
		why = fmt.Errorf("%w: %w", ErrConnectionLost, why)
	}
	return r.failed(why)
}

// ended reports whether the call has ended, with a reply or otherwise.
func (r *Reply) ended() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

// until waits until the call ends or event is closed.
func (r *Reply) until(ctx context.Context, limit time.Duration, event <-chan struct{}) error {
	var late <-chan time.Time
	if limit > 0 {
		timer := time.NewTimer(limit)
		defer timer.Stop()
		late = timer.C
	}
	select {
	case <-r.done:
		return nil
	case <-event:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("no reply: %w", ended(ctx))
	case <-late:
		return fmt.Errorf("no reply within %s: %w", limit, context.DeadlineExceeded)
	}
}

// pulled takes a credit for an argument. The first credit tells who reads it.
func (s *sender) pulled(d *transport.Delivery) {
	run, _ := d.Headers[runHeader].(string)
	stop, _ := d.Headers[stopHeader].(bool)
	s.mu.Lock()
	switch {
	case s.run == "" && run != "":
		s.run, s.to.ReplyTo = run, d.ReplyTo
		close(s.opened)
	case run != s.run:
		s.endWith(errInterrupted.WithText("another process began to read the argument"))
	}
	if stop {
		s.endWith(errEnded)
	}
	s.mu.Unlock()
	s.credited(d)
}

// failure returns why the stream has ended early, or nil if it has not.
func (s *sender) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// A streamValue is an argument of a method that takes an iterator: a stream, or a list.
type streamValue struct {
	*codec.Encoded
	request *request
}

var _ signature.StreamValue = streamValue{}

// withStreams returns args with values that may be streams.
func (r *request) withStreams(args signature.Arguments) signature.Arguments {
	wrap := func(v signature.Value) signature.Value {
		if e, ok := v.(*codec.Encoded); ok {
			return streamValue{e, r}
		}
		return v
	}
	for i, v := range args.Positional {
		args.Positional[i] = wrap(v)
	}
	for i, v := range args.Keyword {
		args.Keyword[i].Value = wrap(v.Value)
	}
	return args
}

// Stream returns the iterator over the items that the caller sends, if the argument is a stream. It
// implements [signature.StreamValue].
func (v streamValue) Stream(ctx context.Context, t reflect.Type) (seq reflect.Value, ok bool) {
	var stream map[string]any
	splitter := codec.Split(v.Codec)
	if splitter.Kind(v.Data) != codec.KindObject || v.Decode(&stream) != nil || stream[argumentMember] != true {
		return seq, false
	}
	r, s := v.request, v.request.consumer.all.server
	if s.shared.streams.key == "" || r.ReplyTo == "" || r.CorrelationID == "" {
		return seq, false
	}
	if r.lift != nil {
		r.lift()
	}
	in := s.shared.streams.openArgument(r)
	return sequence.Make(t, func(yield func(reflect.Value, error) bool) {
		if in == nil {
			yield(reflect.Value{}, errors.New("the stream was read before"))
			return
		}
		defer func() { in = nil }()
		if err := r.items(ctx, in, sequence.Item(t), v.Codec, yield); err != nil {
			yield(reflect.Value{}, err)
		}
	}), true
}

// openArgument asks the caller of r for the items of its argument.
func (st *streams) openArgument(r *request) *receiver {
	key := requestID{r.ReplyTo, r.CorrelationID}
	in := newReceiver(st.shared.cfg, func(to, run string, taken int, settled func(error)) {
		st.shared.host.Go(func(ctx context.Context) {
			ctx, cancel := context.WithTimeout(ctx, cancelLimit)
			defer cancel()
			_ = st.publisher.Send(ctx, creditOf(st.shared.cfg, to, requestID{st.key, r.CorrelationID}, run, taken), settled)
		})
	})
	in.from, in.run = r.ReplyTo, id.New("")
	st.mu.Lock()
	st.receivers[key] = in
	st.mu.Unlock()
	r.mu.Lock()
	r.in = in
	r.mu.Unlock()
	in.mu.Lock()
	in.timer = time.AfterFunc(0, in.beat)
	in.mu.Unlock()
	return in
}

// endArgument ends the argument of a call that has ended.
func (st *streams) endArgument(r *request) {
	r.mu.Lock()
	in := r.in
	r.mu.Unlock()
	if in == nil {
		return
	}
	st.mu.Lock()
	delete(st.receivers, requestID{r.ReplyTo, r.CorrelationID})
	st.mu.Unlock()
	in.close()
}

// items yields the items of an argument until the last part. If the loop ends early, it tells the
// caller.
func (r *request) items(ctx context.Context, in *receiver, item reflect.Type, c codec.Codec, yield func(reflect.Value, error) bool) error {
	s := r.consumer.all.server
	reader := &Reply{codec: c, limit: s.shared.conn.MaxMessage(), decoded: s.shared.conn.MaxDecoded()}
	for items := 0; ; {
		d, err := in.await(ctx, max(0, cmp.Or(s.shared.cfg.Timeout, defaultTimeout)))
		if err != nil {
			return err
		}
		r.release() // what the caller has sent cannot be sent again
		reader.delivery = d
		list := reflect.New(reflect.SliceOf(item))
		if err := reader.decode(ctx, list.Interface()); err != nil {
			return err
		}
		for i := range list.Elem().Len() {
			if !yield(list.Elem().Index(i), nil) {
				s.shared.streams.stopArgument(in, r)
				return nil
			}
		}
		items += list.Elem().Len()
		switch count, last := whole(d.Headers[countHeader]); {
		case last && count != items:
			return miscounted(count)
		case last:
			return nil
		}
	}
}

// stopArgument tells the caller of r that the method wants no more items.
func (st *streams) stopArgument(in *receiver, r *request) {
	in.mu.Lock()
	over := in.over
	m := creditOf(st.shared.cfg, in.from, requestID{st.key, r.CorrelationID}, in.run, in.taken)
	in.mu.Unlock()
	in.close()
	if over {
		return
	}
	m.Headers[stopHeader] = true
	st.shared.host.Go(func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, cancelLimit)
		defer cancel()
		_ = st.publisher.Send(ctx, m, func(error) {}) // if it is lost, the caller notices that the reader is gone
	})
}

// await returns the next part and waits for it up to limit; 0 is no limit.
func (r *receiver) await(ctx context.Context, limit time.Duration) (*transport.Delivery, error) {
	var late <-chan time.Time
	for {
		if d, err := r.take(); d != nil || err != nil {
			return d, err
		}
		if late == nil && limit > 0 {
			timer := time.NewTimer(limit)
			defer timer.Stop()
			late = timer.C
		}
		select {
		case <-r.wake:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-late:
			return nil, rpcerror.NewTimeout(fmt.Sprintf("the caller has sent no part of the argument within %s", limit), nil)
		}
	}
}
