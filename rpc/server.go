package rpc

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/codec/msgpack"
	"github.com/gomeko/gomeko/internal/headers"
	"github.com/gomeko/gomeko/rpc/rpcerror"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/signature"
	"github.com/gomeko/gomeko/transport"
)

// A server answers the requests for one service. It is the entrypoint of all of the service's rows.
type server struct {
	shared    *shared
	service   string
	methods   map[string]*row
	consumers consumers
}

// A row is one method of a server.
type row struct {
	*service.Row
	ackFirst bool // ack:"before"
}

// Setup declares the request queue exactly as Nameko does (see docs/wire/nameko.md, Names): the
// broker refuses a declaration with other arguments.
func (s *server) Setup(ctx context.Context) error {
	exchange := s.shared.cfg.exchange()
	return s.shared.conn.Declare(ctx, transport.Topology{
		Exchanges: []transport.Exchange{{Name: exchange, Kind: "topic", Durable: true}},
		Queues:    []transport.Queue{{Name: queueOf(s.service), Durable: true}},
		Bindings:  []transport.Binding{{Queue: queueOf(s.service), Exchange: exchange, Key: s.service + ".*"}},
	})
}

// Start begins to consume requests.
func (s *server) Start(ctx context.Context) error {
	s.warn()
	return s.consumers.start(ctx, s)
}

// Stop stops consuming. Calls that are running are still answered.
func (s *server) Stop(ctx context.Context) error { return s.consumers.stop(ctx) }

// consumerTimeout is RabbitMQ's default consumer_timeout: how long it waits for an acknowledgement.
const consumerTimeout = 30 * time.Minute

// warn logs the rows that may run for longer than the broker waits for an acknowledgement.
func (s *server) warn() {
	for _, r := range s.methods {
		if limit := r.Timeout(); limit > consumerTimeout && !r.ackFirst {
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

// A request is a delivery until it is answered. It watches its call, so that it can be acknowledged
// before the method runs, and so that the consumers know how many calls are idle.
type request struct {
	*transport.Delivery
	consumer *consumer
	codec    codec.Codec // of the arguments and the reply; nil until they are read
	ackFirst bool        // ack:"before"
	acked    bool        // before the method ran
}

// answer runs the call that d asks for, replies, and acknowledges d, in this order. It runs in a
// goroutine that the container waits for.
func (s *server) answer(ctx context.Context, d *transport.Delivery, from *consumer) {
	r := &request{Delivery: d, consumer: from}
	defer from.done(r)
	settled := false
	defer func() {
		if !settled { // code of the service has ended the goroutine, such as a MarshalJSON
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
		r.Reject(true)
		return
	}
	if r.ReplyTo != "" { // otherwise nobody expects a reply
		err = s.reply(ctx, r, result, err)
		if err != nil && ctx.Err() != nil {
			r.Reject(true)
			return
		}
		if err != nil { // a second run would not help
			s.log(r.Delivery).Error("reply not sent", "err", err)
		}
	}
	r.Ack()
}

// run runs the call that r asks for, until the request expires or its caller cancels it.
func (s *server) run(ctx context.Context, r *request) (any, error) {
	row, args, err := s.read(r)
	if err != nil {
		s.logBad(r.Delivery, row, err)
		return nil, err
	}
	if r.Expiration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, r.Expiration)
		defer cancel()
	}
	ctx, running := s.shared.cancels.begin(ctx, r.Delivery)
	defer running.end()
	r.ackFirst = row.ackFirst
	call := headers.Request(r.Delivery)
	call.Arguments, call.Cancel, call.Watcher = args, running.cancel, r
	return row.Run(ctx, call)
}

// read returns the row that r names by its routing key, and the arguments.
func (s *server) read(r *request) (row *row, args signature.Arguments, err error) {
	method, ok := strings.CutPrefix(r.Key, s.service+".")
	row = s.methods[method]
	if !ok || row == nil {
		method = r.Key[strings.LastIndex(r.Key, ".")+1:]
		return nil, args, ErrMethodNotFound.WithText(method)
	}
	args, r.codec, err = readRequest(r.Delivery, s.shared.conn.Accepts(), s.shared.conn.MaxMessage())
	return row, args, err
}

// readRequest reads the arguments in d, and returns the codec that the reply uses too; nil if there
// is none for d. Bad input that Nameko answers gets the same answer. Input that Nameko drops, or
// that ends its process, is answered with MalformedRequest. See docs/wire/nameko.md, Errors and
// Malformed requests.
//
// An argument is decoded when the type of its parameter is known. A codec that is not a
// [codec.Splitter] decodes the request here and encodes each argument again, which codec.Split
// does.
func readRequest(d *transport.Delivery, codecs codec.Set, limit int) (args signature.Arguments, c codec.Codec, err error) {
	c, body, err := codecs.Open(d.Encoded(), limit)
	if err != nil {
		return args, nil, ErrMalformedRequest.WithText(err.Error())
	}
	splitter := codec.Split(c)
	members, err := splitter.Map(body)
	if err != nil {
		return args, c, notMapping(splitter, body)
	}
	var positional, keyword []byte
	for _, m := range members {
		switch m.Name {
		case "args":
			positional = m.Value
		case "kwargs":
			keyword = m.Value
		}
	}
	if positional == nil || keyword == nil {
		const why = "Message missing `args` or `kwargs`"
		return args, c, ErrMalformedRequest.WithText(why)
	}
	list, err := splitter.List(positional)
	if err != nil {
		list, err = iterate(splitter, positional)
	}
	if err != nil {
		return args, c, err
	}
	members, err = splitter.Map(keyword)
	if err != nil {
		why := "inspect.getcallargs() argument after ** must be a mapping, not " + pythonType(splitter, keyword)
		return args, c, ErrIncorrectSignature.WithText(why)
	}
	values := make([]codec.Encoded, len(list)+len(members))
	args.Positional = make([]signature.Value, len(list))
	for i, data := range list {
		values[i] = codec.Encoded{Codec: c, Data: data}
		args.Positional[i] = &values[i]
	}
	args.Keyword = make([]signature.Named, len(members))
	for i, m := range members {
		v := &values[len(list)+i]
		*v = codec.Encoded{Codec: c, Data: m.Value}
		args.Keyword[i] = signature.Named{Name: m.Name, Value: v}
	}
	return args, c, nil
}

// notMapping returns the error of a body that is not an object: the one that Python raises, if the
// body can be decoded at all. An empty body is an empty string to Nameko.
func notMapping(c codec.Splitter, body []byte) error {
	var what any
	if err := c.Decode(body, &what); err != nil && len(body) > 0 {
		return ErrMalformedRequest.WithText("body is " + err.Error())
	}
	switch t := pythonType(c, body); t {
	case "list":
		return NewError("builtins.TypeError", "list indices must be integers or slices, not str")
	case "str":
		return NewError("builtins.TypeError", "string indices must be integers, not 'str'")
	case "bytes":
		return NewError("builtins.TypeError", "byte indices must be integers or slices, not str")
	default:
		return NewError("builtins.TypeError", "'"+t+"' object is not subscriptable")
	}
}

// iterate returns the elements of args as Python's * does: the characters of a string, the keys of
// an object.
func iterate(c codec.Splitter, args []byte) (list [][]byte, err error) {
	var elements []any
	switch t := pythonType(c, args); t {
	case "list":
		return c.List(args)
	case "str":
		var text string
		err = c.Decode(args, &text)
		for _, r := range text {
			elements = append(elements, string(r))
		}
	case "bytes":
		var bytes []byte
		err = c.Decode(args, &bytes)
		for _, b := range bytes {
			elements = append(elements, b)
		}
	case "dict":
		var members []codec.Member
		members, err = c.Map(args)
		for _, m := range members {
			elements = append(elements, m.Name)
		}
	default:
		why := "Value after * must be an iterable, not " + t
		return nil, ErrIncorrectSignature.WithText(why)
	}
	for _, e := range elements {
		data, cannot := c.Encode(e)
		err = errors.Join(err, cannot)
		list = append(list, data)
	}
	return list, err
}

// pythonType returns the name of the type that Python decodes data to.
func pythonType(c codec.Splitter, data []byte) string {
	switch c.Kind(data) {
	case codec.KindObject:
		return "dict"
	case codec.KindList:
		return "list"
	case codec.KindNull:
		return "NoneType"
	case codec.KindBool:
		return "bool"
	case codec.KindBytes:
		return "bytes"
	case codec.KindNumber:
		var n json.Number
		if err := c.Decode(data, &n); err == nil && strings.ContainsAny(string(n), ".eEN") || strings.HasSuffix(string(n), "y") {
			return "float"
		}
		return "int"
	}
	return "str"
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
	s.log(d).Warn("bad request", "err", err, "body", body)
}

// errNotAcked is the error of a call whose request had to be acknowledged first, and may not have
// been.
var errNotAcked = errors.New("not acknowledged, and so not run")

// Began acknowledges the request if its row says ack:"before". It implements [service.Watcher].
func (r *request) Began(ctx context.Context) error {
	if !r.ackFirst {
		return nil
	}
	if err := r.AckNow(ctx); err != nil {
		return fmt.Errorf("%w: %w", errNotAcked, err)
	}
	r.acked = true
	r.consumer.all.count(-1, 0)
	return nil
}

// Idle counts the request among the idle ones, or no longer. It implements [service.Watcher].
func (r *request) Idle(on bool) {
	switch {
	case r.acked: // it takes up no prefetch
	case on:
		r.consumer.all.count(0, 1)
	default:
		r.consumer.all.count(0, -1)
	}
}

// reply sends the outcome of a call to its caller.
func (s *server) reply(ctx context.Context, r *request, result any, err error) error {
	c := r.codec
	if c == nil { // the request could not be read
		c = replyCodec(r.Delivery, s.shared.conn.Accepts())
	}
	p := transport.Publishing{
		Exchange: s.shared.cfg.exchange(),
		Key:      r.ReplyTo,
		Properties: transport.Properties{
			ContentType:     c.ContentType(),
			ContentEncoding: c.ContentEncoding(),
			Persistent:      true,
			CorrelationID:   r.CorrelationID,
		},
		Body: encodeReply(c, result, err),
	}
	ctx, cancel := newLazyTimeout(ctx, s.shared.cfg.limit)
	defer cancel()
	sendErr := r.Reply(ctx, p)
	if why := tooLarge(sendErr); why != nil {
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
// encoded is replaced by an error that says so.
func encodeReply(c codec.Codec, result any, err error) (body []byte) {
	body, cannot := encode(c, result, err)
	if cannot != nil {
		body = encodeUnserializable(c, result, err, cannot)
	}
	return body
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

// replyCodec returns the codec of the reply to d. It is the request's own; a client that sends
// another format probably reads only that, so an error is written in it if we can. Otherwise it is
// the first accepted codec.
func replyCodec(d *transport.Delivery, codecs codec.Set) codec.Codec {
	if c := codecs.Of(d.ContentType); c != nil {
		return c
	}
	others := codec.Set{codec.JSON, msgpack.Codec, yaml{codec.JSON}, pickle{codec.JSON}}
	return cmp.Or(others.Of(d.ContentType), codecs[0])
}

// tooLarge returns the error within err that says that a body is over our limit or the broker's,
// nil if there is none.
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

// preconditionFailed is the reply code with which a broker refuses a publishing that is too large.
const preconditionFailed = 406

// log returns the logger for messages about d.
func (s *server) log(d *transport.Delivery) *slog.Logger {
	method := strings.TrimPrefix(d.Key, s.service+".")
	return s.shared.log.With("service", s.service, "method", method, "correlation_id", d.CorrelationID)
}
