package rpc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/codec/msgpack"
	"github.com/gomeko/gomeko/internal/clip"
	"github.com/gomeko/gomeko/internal/connection"
	"github.com/gomeko/gomeko/internal/control"
	"github.com/gomeko/gomeko/internal/deadletter"
	"github.com/gomeko/gomeko/internal/headers"
	"github.com/gomeko/gomeko/internal/id"
	"github.com/gomeko/gomeko/rpc/rpcerror"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// A server answers the requests for one service. It is the entrypoint of all of the service's rows.
type server struct {
	shared    *shared
	service   string
	methods   map[string]*row
	consumers consumers
	suspects  suspects
	direct    directs
}

// A row is one method of a server.
type row struct {
	*service.Row
	takes    int            // how many positional arguments
	ackFirst bool           // ack:"before"
	streams  bool           // the method returns an iterator
	uploads  bool           // the method takes an iterator
	delays   service.Ladder // between the attempts of a call
}

// Setup declares the request queue exactly as Nameko does (see docs/wire/nameko.md, Names): the
// broker refuses a declaration with other arguments.
func (s *server) Setup(ctx context.Context) error {
	control.Of(s.shared.host).Consumers(s.service, s.consumers.count)
	if err := s.shared.conn.Declare(ctx, s.topology()); err != nil {
		return err
	}
	return s.declareSuspects(ctx)
}

func (s *server) topology() transport.Topology {
	exchange, queue := s.shared.cfg.exchange(), queueOf(s.service)
	return transport.Topology{
		Exchanges: []transport.Exchange{{Name: exchange, Kind: "topic", Durable: true}},
		Queues:    []transport.Queue{{Name: queue, Durable: true}},
		Bindings:  []transport.Binding{{Queue: queue, Exchange: exchange, Key: s.service + ".*"}},
	}
}

// plan returns what the server asks the broker for. Replies are published to the exchange of the
// requests.
func (s *server) plan() connection.Plan {
	p := connection.Plan{By: "service " + s.service, Topology: s.topology(), Consumes: []string{queueOf(s.service)}, Writes: []string{s.shared.cfg.exchange()}}
	if s.retries() {
		q := s.suspectQueue()
		p.Topology.Queues = append(p.Topology.Queues, q)
		p.Consumes, p.Writes = append(p.Consumes, q.Name), append(p.Writes, "")
	}
	return p
}

// Start begins to consume requests.
func (s *server) Start(ctx context.Context) error {
	s.warn()
	if err := s.consumers.start(ctx, s); err != nil {
		return err
	}
	if err := s.startSuspects(ctx); err != nil {
		return err
	}
	s.direct.open.Store(true)
	return nil
}

// Stop stops consuming. Calls that are running are still answered.
func (s *server) Stop(ctx context.Context) error {
	s.direct.open.Store(false)
	return s.consumers.stop(ctx)
}

// consumerTimeout is RabbitMQ's default consumer_timeout: how long it waits for an acknowledgement.
const consumerTimeout = 30 * time.Minute

// warn logs the rows whose calls may take longer, with their retries, than the broker waits for an
// acknowledgement.
func (s *server) warn() {
	for _, r := range s.methods {
		limit := r.Timeout()
		for _, delay := range r.delays {
			limit += delay + r.Timeout()
		}
		if limit > consumerTimeout && !r.ackFirst {
			r.Logger().Warn("time limit over the broker's consumer_timeout", "timeout", limit, "consumer_timeout", consumerTimeout,
				"remedy", `past it the broker runs the call again: raise it there, or write ack:"before"`)
		}
	}
}

// awaited returns how many goroutines of this process wait for calls of this service.
func (s *server) awaited() int {
	if s.shared.caller == nil {
		return 0
	}
	return s.shared.caller.awaited(s.service)
}

// A request is a delivery until it is answered. It watches its call, because it may have to be
// acknowledged before the method runs, and because the consumers need to know how many calls are
// idle.
type request struct {
	*transport.Delivery
	consumer *consumer
	row      *row
	attempt  deadletter.Attempt // of a suspect
	cancel   func(error)        // ends the ctx of the call
	lift     func()             // lifts the limit on the time until the first part of a stream

	mu sync.Mutex

	acked bool      // before the end of its call
	idle  bool      // its call is idle
	out   *sender   // of a stream
	in    *receiver // of a streamed argument
}

// answer runs the call that d asks for, replies, and acknowledges d, in this order. It runs in a
// goroutine that the container waits for.
func (s *server) answer(ctx context.Context, d *transport.Delivery, from *consumer) {
	r := &request{Delivery: d, consumer: from}
	defer from.done(r)
	if from.suspect && s.admit(r) || !from.suspect && d.Redelivered && d.Type != streamType && s.isolate(ctx, r) {
		return
	}
	settled := false
	defer func() {
		if !settled { // code of the service, such as a MarshalJSON, ended the goroutine
			s.log(d).Error("result cannot be sent", "err", service.ErrExited)
			s.settle(ctx, r, nil, service.ErrExited)
		}
	}()
	result, err := s.run(ctx, r)
	s.settle(ctx, r, result, err)
	settled = true
}

// settle sends the outcome of a call to its caller, and acknowledges the request.
func (s *server) settle(ctx context.Context, r *request, result any, err error) {
	if errors.Is(err, service.ErrStopped) || errors.Is(err, errNotAcked) {
		s.giveBack(ctx, r)
		return
	}
	if out := r.stream(); out != nil && (err == nil || out.started()) {
		s.endStream(ctx, r, out, err)
		return
	}
	if r.ReplyTo != "" { // otherwise nobody expects a reply
		err = s.reply(ctx, r, result, err)
		if err != nil && ctx.Err() != nil {
			r.Reject(true)
			return
		}
		if err != nil { // a second run would not help
			s.log(r.Delivery).Error("reply not sent", "err", clip.Error(err))
		}
	}
	r.Ack()
}

// run runs the call that r asks for, until the request expires or its caller cancels it. It runs a
// failed call again if the row says so.
func (s *server) run(ctx context.Context, r *request) (any, error) {
	if r.row = s.find(r.Key); r.row == nil {
		err := ErrMethodNotFound.WithText(r.Key[strings.LastIndex(r.Key, ".")+1:])
		s.logBad(r.Delivery, nil, err)
		return nil, err
	}
	if limit := s.shared.conn.MaxMessage(); len(r.Body) > limit { // it must not wait for a worker
		err := unreadable(&codec.TooLarge{Size: len(r.Body), Limit: limit})
		s.logBad(r.Delivery, r.row, err)
		s.shared.host.Observers().Refused(ctx, r.row.Row, headers.Request(r.Delivery).Header, err)
		return nil, err
	}
	if why := r.row.Unavailable(); why != nil {
		err := ErrUnavailable.WithText(why.Error())
		s.shared.host.Observers().Refused(ctx, r.row.Row, headers.Request(r.Delivery).Header, err)
		return nil, err
	}
	if err := s.killed(r); err != nil {
		return nil, err
	}
	if r.Redelivered && s.wantsStream(r) {
		return nil, redelivered()
	}
	if r.Expiration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = s.limit(ctx, r)
		defer cancel()
	}
	attempt, running := s.shared.cancels.begin(ctx, r.Delivery)
	defer running.end()
	call := headers.Request(r.Delivery)
	call.Input, call.Cancel, call.Watcher, call.Attempt = r, running.cancel, r, r.attempt.Number
	if r.row.streams {
		r.cancel, call.Result = running.cancel, s.result(r)
	}
	if len(r.row.delays) > 0 { // all attempts have one id
		call.ID = id.New("")
	}
	result, err := r.row.Run(attempt, call)
	if r.row.uploads {
		s.shared.streams.endArgument(r)
	}
	if err != nil && !r.stream().started() {
		running.end()
		return s.retry(ctx, r, call, err)
	}
	return result, err
}

// limit returns ctx with the expiration of r. For a stream, it limits only the time until the first
// part.
func (s *server) limit(ctx context.Context, r *request) (context.Context, context.CancelFunc) {
	if !s.wantsStream(r) && !r.row.uploads {
		return context.WithTimeout(ctx, r.Expiration)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(r.Expiration, func() { cancel(context.DeadlineExceeded) })
	r.lift = func() { timer.Stop() }
	return ctx, func() {
		timer.Stop()
		cancel(nil)
	}
}

// find returns the row that a routing key names, or nil.
func (s *server) find(key string) *row {
	method, ok := strings.CutPrefix(key, s.service+".")
	if !ok {
		return nil
	}
	return s.methods[method]
}

// logBad logs a request that is not run, with the first bytes of its body unless they may be
// sensitive.
func (s *server) logBad(d *transport.Delivery, row *row, err error) {
	secret := row != nil && row.Sensitive()
	for _, r := range s.methods { // a request for an unknown method may have been meant for any
		secret = secret || row == nil && r.Sensitive()
	}
	body := strconv.Quote(string(d.Body[:min(len(d.Body), 200)]))
	if secret {
		body = service.Redacted
		if malformed := (*Error)(nil); errors.As(err, &malformed) { // its text may quote the body
			err = errors.New(malformed.Type)
		}
	}
	s.log(d).Warn("bad request", "err", clip.Error(err), "body", body)
}

// errNotAcked is the error of a call whose request had to be acknowledged first, and may not have
// been.
var errNotAcked = errors.New("not acknowledged, and so not run")

// Began acknowledges the request if its row says ack:"before". It implements [service.Watcher].
func (r *request) Began(ctx context.Context) error {
	if !r.row.ackFirst {
		return nil
	}
	if err := r.AckNow(ctx); err != nil {
		return fmt.Errorf("%w: %w", errNotAcked, err)
	}
	r.release()
	return nil
}

// release acknowledges the request before its call has ended, which frees its place in the
// prefetch.
func (r *request) release() {
	r.Ack()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.acked {
		return
	}
	r.acked = true
	if r.idle {
		r.consumer.all.adjust(0, -1)
	}
	r.consumer.all.adjust(-1, 0)
}

// Idle records whether the call is idle. It implements [service.Watcher].
func (r *request) Idle(on bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.idle = on
	switch {
	case r.acked: // it takes up no prefetch
	case on:
		r.consumer.all.adjust(0, 1)
	default:
		r.consumer.all.adjust(0, -1)
	}
}

// reply sends the outcome of a call to its caller.
func (s *server) reply(ctx context.Context, r *request, result any, err error) error {
	c := replyCodec(r.Delivery, s.shared.conn.Accepts())
	body, cannot := encodeReply(c, result, err)
	if cannot != nil {
		s.log(r.Delivery).Error("result cannot be sent", "err", clip.Error(cannot))
	}
	p := transport.Publishing{
		Exchange:     s.shared.cfg.exchange(),
		Key:          r.ReplyTo,
		Compressible: r.AppID == readsZlib,
		Properties: transport.Properties{
			ContentType:     c.ContentType(),
			ContentEncoding: c.ContentEncoding(),
			Persistent:      true,
			CorrelationID:   r.CorrelationID,
			Headers:         originOf(err),
		},
		Body: body,
	}
	ctx, cancel := newLazyTimeout(ctx, s.shared.cfg.limit)
	defer cancel()
	sendErr := r.Reply(ctx, p)
	if why := tooLarge(sendErr); why != nil {
		s.log(r.Delivery).Error("result cannot be sent", "err", clip.Error(why))
		p.Body = encodeUnserializable(c, result, err, why)
		sendErr = r.Reply(ctx, p)
	}
	if sendErr != nil {
		return fmt.Errorf("to %q: %w", r.ReplyTo, sendErr)
	}
	return nil
}

// A replyBody is the body of a reply. Both keys are always present: see docs/wire/nameko.md,
// Replies.
type replyBody struct {
	Result any    `json:"result"`
	Error  *Error `json:"error"`
}

// encodeReply returns the body of the reply. It always returns one: an outcome that cannot be
// encoded is replaced by an error that says so. It also returns why.
func encodeReply(c codec.Codec, result any, err error) (body []byte, cannot error) {
	body, cannot = encode(c, result, err)
	if cannot != nil {
		body = encodeUnserializable(c, result, err, cannot)
	}
	return body, cannot
}

// originOf returns the header of a reply for callers in Go, or nil if err needs none. The text of
// err comes from code of the service, which may panic; encode reports that.
func originOf(err error) (headers transport.Table) {
	if err == nil {
		return nil
	}
	defer func() { _ = recover() }()
	if text := rpcerror.From(err).Header(); text != "" {
		headers = transport.Table{rpcerror.OriginHeader: text}
	}
	return headers
}

// encodeUnserializable returns the body of the reply to a call whose outcome cannot be sent.
func encodeUnserializable(c codec.Codec, result any, err, why error) (body []byte) {
	if err != nil {
		result = err
	}
	body, _ = c.Encode(replyBody{Error: rpcerror.NewUnserializable(result, why)})
	return body
}

// encode encodes the outcome of a call. It runs code of the service, such as MarshalJSON of the
// result, and returns a panic there as an error.
func encode(c codec.Codec, result any, err error) (body []byte, cannot error) {
	defer func() {
		if p := recover(); p != nil {
			cannot = fmt.Errorf("panic: %v", p)
		}
	}()
	if err != nil {
		return c.Encode(replyBody{Error: rpcerror.From(err)})
	}
	return c.Encode(replyBody{Result: result})
}

// ResultCodec returns the codec of the reply, for a method that runs in another process.
func (r *request) ResultCodec() codec.Codec {
	return replyCodec(r.Delivery, r.consumer.all.server.shared.conn.Accepts())
}

// replyCodec returns the codec of the reply to d, which is that of the request. A client that sends
// a format we do not accept probably reads only that one, so errors are written in it if possible.
// Otherwise the first accepted codec is used.
func replyCodec(d *transport.Delivery, codecs codec.Set) codec.Codec {
	if c := codecs.Of(d.ContentType); c != nil {
		return c
	}
	others := codec.Set{codec.JSON, msgpack.Codec, yaml{codec.JSON}, pickle{codec.JSON}}
	return cmp.Or(others.Of(d.ContentType), codecs[0])
}

// tooLarge returns the error within err that reports a body over our limit or the broker's, or nil.
func tooLarge(err error) error {
	var large *codec.TooLarge
	var refused *transport.Error
	switch {
	case errors.As(err, &large):
		return large
	case errors.As(err, &refused) && refused.Code == preconditionFailed:
		return refused
	}
	return nil
}

// preconditionFailed is the reply code with which a broker refuses a message that is too large.
const preconditionFailed = 406

// log returns the logger for messages about d.
func (s *server) log(d *transport.Delivery) *slog.Logger {
	method := strings.TrimPrefix(d.Key, s.service+".")
	return s.shared.log.With("service", s.service, "method", method, "correlation_id", d.CorrelationID).With(headers.LogAttrs(d)...)
}
