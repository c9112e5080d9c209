package rpc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/internal/headers"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/signature"
	"github.com/gomeko/gomeko/transport"
)

// A server answers the requests of one service: it is the Entrypoint of all of its rows.
type server struct {
	hub     *hub
	service string
	methods map[string]*row
	intake  intake
}

// A row is one method of a server.
type row struct {
	*service.Row
	ackFirst bool // ack:"before"
}

// Setup declares the request queue exactly as Nameko does (see docs/wire/nameko.md, Names): the broker
// refuses a declaration with other arguments.
func (s *server) Setup(ctx context.Context) error {
	exchange := s.hub.cfg.exchange()
	return s.hub.conn.Declare(ctx, transport.Topology{
		Exchanges: []transport.Exchange{{Name: exchange, Kind: "topic", Durable: true}},
		Queues:    []transport.Queue{{Name: s.queue(), Durable: true}},
		Bindings:  []transport.Binding{{Queue: s.queue(), Exchange: exchange, Key: s.service + ".*"}},
	})
}

// Start consumes requests.
func (s *server) Start(ctx context.Context) error {
	s.warn()
	return s.intake.start(ctx, s)
}

// Stop ends the requests; calls that run may still reply.
func (s *server) Stop(ctx context.Context) error { return s.intake.stop(ctx) }

// close lets the last acknowledgements out.
func (s *server) close(ctx context.Context) error { return s.intake.close(ctx) }

// consumerTimeout is how long RabbitMQ waits for an acknowledgement unless it is told otherwise (consumer_timeout).
const consumerTimeout = 30 * time.Minute

// warn says which rows may take longer than the broker waits.
func (s *server) warn() {
	for _, r := range s.methods {
		if limit := r.Timeout(); limit > consumerTimeout && !r.ackFirst {
			r.Logger().Warn("time limit over the broker's consumer_timeout", "timeout", limit, "consumer_timeout", consumerTimeout,
				"remedy", `past it the broker runs the call again: raise it there, or write ack:"before"`)
		}
	}
}

// awaited returns how many calls of the service wait in this process.
func (s *server) awaited() int {
	if s.hub.caller == nil {
		return 0
	}
	return s.hub.caller.awaited(s.service)
}

func (s *server) queue() string { return queueOf(s.service) }

// answer runs the call that j asks for, replies, and acknowledges j, in this order.
func (s *server) answer(ctx context.Context, j *job) {
	result, err := s.run(ctx, j)
	if errors.Is(err, service.ErrStopped) || errors.Is(err, errNotAcked) {
		j.Reject(true)
		return
	}
	if d := j.Delivery; d.ReplyTo != "" { // without it there is nobody to tell
		err = s.reply(ctx, d, result, err)
		if err != nil && ctx.Err() != nil {
			j.Reject(true)
			return
		}
		if err != nil { // running it again would not help
			s.log(d).Error("reply not sent", "err", err)
		}
	}
	j.Ack()
}

func (s *server) run(ctx context.Context, j *job) (any, error) {
	d := j.Delivery
	row, args, err := s.request(d)
	if err != nil {
		s.bad(d, row, err)
		return nil, err
	}
	if d.Expiration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, d.Expiration)
		defer cancel()
	}
	ctx, request := s.hub.cancels.within(ctx, d)
	defer request.done()
	j.ackFirst = row.ackFirst
	r := headers.Request(d)
	r.Arguments, r.Cancel, r.Watcher = args, request.cancel, j
	return row.Run(ctx, r)
}

// bad logs a request that is not run: its body's head, unless something in it may be sensitive.
func (s *server) bad(d *transport.Delivery, row *row, err error) {
	secret := row != nil && row.Sensitive()
	for _, r := range s.methods { // if the method is unknown it may have meant any
		secret = secret || row == nil && r.Sensitive()
	}
	body := strconv.Quote(string(d.Body[:min(len(d.Body), 200)]))
	if secret {
		body = service.Redacted
		if malformed := (*Error)(nil); errors.As(err, &malformed) { // its text may have some of the body
			err = errors.New(malformed.Type)
		}
	}
	s.log(d).Warn("bad request", "err", err, "body", body)
}

// request finds the method that d names, and its arguments.
func (s *server) request(d *transport.Delivery) (*row, signature.Arguments, error) {
	method, ours := strings.CutPrefix(d.Key, s.service+".")
	row := s.methods[method]
	if !ours || row == nil {
		method = d.Key[strings.LastIndex(d.Key, ".")+1:]
		return nil, signature.Arguments{}, ErrMethodNotFound.WithText(method)
	}
	args, err := readRequest(d, s.hub.conn.Accepts(), s.hub.conn.MaxMessage())
	return row, args, err
}

// reply sends the outcome of a call to who made it.
func (s *server) reply(ctx context.Context, d *transport.Delivery, result any, err error) error {
	ctx, cancel := patient(ctx, s.hub.cfg.limit)
	defer cancel()
	c := answers(d, s.hub.conn.Accepts())
	p := transport.Publishing{
		Exchange: s.hub.cfg.exchange(),
		Key:      d.ReplyTo,
		Properties: transport.Properties{
			ContentType:     c.ContentType(),
			ContentEncoding: c.ContentEncoding(),
			Persistent:      true,
			CorrelationID:   d.CorrelationID,
		},
		Body: encodeReply(c, result, err),
	}
	sent := d.Reply(ctx, p)
	if why := tooLarge(sent); why != nil {
		p.Body = encodeUnserializable(c, result, err, why)
		sent = d.Reply(ctx, p)
	}
	if sent != nil {
		return fmt.Errorf("to %q: %w", d.ReplyTo, sent)
	}
	return nil
}

// tooLarge returns what of err, of a reply, says that its body is over our limit, or over the broker's; nil if nothing does.
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

// preconditionFailed is the broker's reply code for a publishing that is too large.
const preconditionFailed = 406

// log returns a logger for what is said about d.
func (s *server) log(d *transport.Delivery) *slog.Logger {
	method := strings.TrimPrefix(d.Key, s.service+".")
	return s.hub.log.With("service", s.service, "method", method, "correlation_id", d.CorrelationID)
}
