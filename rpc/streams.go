package rpc

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/internal/clip"
	"github.com/gomeko/gomeko/internal/sequence"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// streams are the streams that the services of a process send. They share a queue, to which the
// readers send their credits.
type streams struct {
	shared    *shared
	key       string // of the queue; "" if there is no queue: callers get lists then
	publisher *transport.Publisher
	consumer  *transport.Consumer

	mu        sync.Mutex
	senders   map[requestID]*sender
	receivers map[requestID]*receiver // of arguments
	denials   atomic.Int32            // being sent
}

// streamKey returns a new routing key of a queue of streams.
func streamKey() string { return "stream-" + uuid.NewString() }

func (st *streams) topology(key string) transport.Topology {
	queue, exchange := "gomeko."+key, st.shared.cfg.exchange()
	return transport.Topology{
		Exchanges: []transport.Exchange{{Name: exchange, Kind: "topic", Durable: true}},
		Queues:    []transport.Queue{{Name: queue, Durable: true, AutoDelete: true, Args: transport.Table{"x-expires": int32(streamQueueExpires.Milliseconds())}}},
		Bindings:  []transport.Binding{{Queue: queue, Exchange: exchange, Key: key}},
	}
}

const (
	streamQueueExpires = time.Minute // of a queue whose process is away
	maxDenials         = 100         // at once; a reader that gets no denial asks again with its next beat
)

// open declares the queue and consumes it. The broker deletes the queue when the connection is
// lost, and returns credits from then on, which tells a reader that its producer is gone.
func (st *streams) open(ctx context.Context) error {
	conn, key := st.shared.conn, streamKey()
	t := st.topology(key)
	queue := t.Queues[0].Name
	st.publisher = conn.Publisher()
	err := conn.Declare(ctx, t)
	if err == nil {
		st.consumer, err = conn.Consume(ctx, transport.Consume{Queue: queue, AckLater: true, Handle: st.receive})
	}
	var refusal *transport.Error
	if errors.As(err, &refusal) {
		st.shared.log.Warn("the broker refuses the queue of streams: callers that ask for a stream get a list", "queue", queue, "err", err)
		return nil
	}
	st.key = key
	return err
}

// close closes what open has opened.
func (st *streams) close(ctx context.Context) error {
	if st.consumer == nil {
		return nil
	}
	return errors.Join(st.consumer.Close(ctx), st.publisher.Close(ctx))
}

// receive takes a credit, or a part of an argument.
func (st *streams) receive(d *transport.Delivery) {
	defer d.Ack()
	id := requestID{d.ReplyTo, d.CorrelationID}
	st.mu.Lock()
	s, in := st.senders[id], st.receivers[id]
	st.mu.Unlock()
	switch {
	case d.Type == partType && in != nil:
		in.receive(d)
		return
	case d.Type != creditType:
		return
	case s != nil:
		s.credited(d)
		return
	}
	if st.denials.Add(1) > maxDenials {
		st.denials.Add(-1)
		return
	}
	st.shared.host.Go(func(ctx context.Context) {
		defer st.denials.Add(-1)
		st.deny(ctx, id)
	})
}

// deny tells a reader that its stream does not exist: it sends a part of no run, which ends the
// stream. It has no effect if the reader has received the last part.
func (st *streams) deny(ctx context.Context, id requestID) {
	ctx, cancel := context.WithTimeout(ctx, cancelLimit)
	defer cancel()
	s := newSender(st.shared.cfg, st.shared.conn, id, st.key, codec.JSON, st.publisher.Send)
	m := s.message([]byte("{}"), transport.Table{seqHeader: int64(-1)})
	m.Expiration = cancelValid
	if err := st.publisher.Send(ctx, m, func(error) {}); err != nil {
		st.shared.log.Debug("reader of an unknown stream not told", "err", err)
	}
}

func (st *streams) add(s *sender) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.senders[s.to] = s
}

func (st *streams) remove(s *sender) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.senders[s.to] == s {
		delete(st.senders, s.to)
	}
}

// A streamed is the result of a call whose items have been sent.
type streamed struct{}

// errAgain is returned to a middleware that runs a method again after its stream has begun.
var errAgain = errors.New("the stream has begun: it cannot be made again")

// wantsStream reports whether the caller of r asks for a stream, and can get one.
func (s *server) wantsStream(r *request) bool {
	return r.Type == streamType && r.row.streams && r.ReplyTo != "" && r.CorrelationID != "" && s.shared.streams.key != ""
}

// result returns the function that reads the iterator which a method returns: it sends the items as
// a stream, or collects them in a list.
func (s *server) result(r *request) func(ctx context.Context, result any) (any, error) {
	c := replyCodec(r.Delivery, s.shared.conn.Accepts())
	if !s.wantsStream(r) {
		return func(ctx context.Context, result any) (any, error) {
			return list(ctx, c, s.shared.conn.MaxMessage(), result)
		}
	}
	return func(ctx context.Context, result any) (any, error) {
		out, err := s.open(r, c)
		if err != nil {
			return nil, err
		}
		return streamed{}, send(ctx, out, result)
	}
}

// send sends the items that a method yields, also those before an error or a panic.
func send(ctx context.Context, out *sender, result any) (err error) {
	defer func() {
		service.StopClock(ctx)
		if flushErr := out.flush(); err == nil {
			err = flushErr
		}
	}()
	return sequence.Each(result, func(item reflect.Value) error {
		defer service.StopClock(ctx)()
		return out.add(ctx, item.Interface())
	})
}

// open begins the stream that answers r.
func (s *server) open(r *request, c codec.Codec) (*sender, error) {
	all := s.shared.streams
	out := newSender(s.shared.cfg, s.shared.conn, requestID{r.ReplyTo, r.CorrelationID}, all.key, c, all.publisher.Send)
	out.fail, out.first = r.cancel, r.release
	if r.lift != nil {
		out.begun = r.lift
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.out.started() {
		return nil, errAgain
	}
	r.out = out
	all.add(out)
	return out, nil
}

// stream returns the stream that answers r, nil if there is none.
func (r *request) stream() *sender {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.out
}

// endStream sends the last part of a stream. It always acknowledges the request, which must not run
// again.
func (s *server) endStream(ctx context.Context, r *request, out *sender, err error) {
	defer s.shared.streams.remove(out)
	defer r.Ack()
	out.stop(errEnded)
	ctx, cancel := s.shared.cfg.limit(ctx)
	defer cancel()
	if sendErr := out.last(ctx, err); sendErr != nil {
		s.log(r.Delivery).Warn("end of a stream not sent: its reader ends with an error", "err", clip.Error(sendErr))
	}
}

// errEnded ends the goroutine of a stream whose method has ended before it.
var errEnded = errors.New("the method has ended")

// list reads the items that a method yields into a list for a caller that did not ask for a stream.
func list(ctx context.Context, c codec.Codec, limit int, result any) (any, error) {
	items, size := []any{}, partHead
	err := sequence.Each(result, func(item reflect.Value) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		value, n, err := codec.Freeze(c, item.Interface())
		if err != nil {
			return err
		}
		if size += n + 1; size > limit {
			return tooLong(len(items), limit)
		}
		items = append(items, value)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return items, nil
}

// tooLong returns the error of a list that does not fit one reply.
func tooLong(items, limit int) error {
	return ErrResultTooLarge.WithText(fmt.Sprintf("the result has more than %d items, and takes more than the %d bytes of a reply (max_message): "+
		"ask for a stream, with a client func that returns an iter.Seq2 or with rpc.Stream, or ask for less", items, limit))
}

// redelivered returns the error of a redelivered request for a stream: its first part may have been
// sent, and the items would arrive twice.
func redelivered() error {
	return errInterrupted.WithText("the request was delivered before, and may have been answered: call again")
}
