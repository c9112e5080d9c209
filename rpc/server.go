package rpc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"

	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// A server answers the requests of one service: it is the Entrypoint of all of its rows.
type server struct {
	hub      *hub
	service  string
	field    *service.Field // one of the rows, for what the rows have in common
	methods  map[string]*service.Field
	consumer *transport.Consumer
}

// Setup declares the request queue as Nameko does (SPEC §2.1): a peer with other arguments would be refused.
func (s *server) Setup(ctx context.Context) error {
	exchange := s.hub.cfg.exchange()
	return s.hub.conn.Declare(ctx, transport.Topology{
		Exchanges: []transport.Exchange{{Name: exchange, Kind: "topic", Durable: true}},
		Queues:    []transport.Queue{{Name: s.queue(), Durable: true}},
		Bindings:  []transport.Binding{{Queue: s.queue(), Exchange: exchange, Key: s.service + ".*"}},
	})
}

// Start consumes requests.
func (s *server) Start(ctx context.Context) (err error) {
	s.consumer, err = s.hub.conn.Consume(ctx, transport.Consume{
		Queue:    s.queue(),
		Prefetch: s.field.MaxWorkers(),
		Handle: func(d *transport.Delivery) {
			s.field.Go(func(ctx context.Context) { s.answer(ctx, d) })
		},
	})
	return err
}

// Stop ends the requests; calls that run may still reply.
func (s *server) Stop(ctx context.Context) error {
	if s.consumer == nil {
		return nil
	}
	return s.consumer.Cancel(ctx)
}

// close lets the last acknowledgements out.
func (s *server) close(ctx context.Context) error {
	if s.consumer == nil {
		return nil
	}
	return s.consumer.Close(ctx)
}

func (s *server) queue() string { return "rpc-" + s.service }

// answer runs the call that d asks for, replies, and acknowledges d, in this order.
func (s *server) answer(ctx context.Context, d *transport.Delivery) {
	result, err := s.run(ctx, d)
	if errors.Is(err, service.ErrStopped) {
		d.Reject(true)
		return
	}
	if d.ReplyTo != "" { // without it there is nobody to tell
		err = s.reply(ctx, d, result, err)
		if err != nil && ctx.Err() != nil {
			d.Reject(true)
			return
		}
		if err != nil { // running it again would not help
			s.log(d).Error("reply not sent", "err", err)
		}
	}
	d.Ack()
}

func (s *server) run(ctx context.Context, d *transport.Delivery) (any, error) {
	field, args, err := s.request(d)
	if err != nil {
		head := d.Body[:min(len(d.Body), 200)]
		s.log(d).Warn("bad request", "err", err, "body", strconv.Quote(string(head)))
		return nil, err
	}
	if d.Expiration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, d.Expiration)
		defer cancel()
	}
	return field.Run(ctx, callOf(d), args)
}

// request finds the method that d names, and its arguments.
func (s *server) request(d *transport.Delivery) (*service.Field, service.Arguments, error) {
	method, ours := strings.CutPrefix(d.Key, s.service+".")
	field := s.methods[method]
	if !ours || field == nil {
		method = d.Key[strings.LastIndex(d.Key, ".")+1:]
		return nil, service.Arguments{}, ErrMethodNotFound.about(method)
	}
	args, err := readRequest(d, s.hub.conn.MaxMessage())
	return field, args, err
}

// reply sends the outcome of a call to who made it.
func (s *server) reply(ctx context.Context, d *transport.Delivery, result any, err error) error {
	ctx, cancel := s.hub.cfg.limit(ctx)
	defer cancel()
	p := transport.Publishing{
		Exchange: s.hub.cfg.exchange(),
		Key:      d.ReplyTo,
		Properties: transport.Properties{
			ContentType:     transport.JSON.ContentType(),
			ContentEncoding: transport.JSON.ContentEncoding(),
			Persistent:      true,
			CorrelationID:   d.CorrelationID,
		},
		Body: encodeReply(result, err),
	}
	sent := d.Reply(ctx, p)
	if large := (*transport.TooLarge)(nil); errors.As(sent, &large) {
		p.Body = encodeReply(nil, unserializable(result, err, large))
		sent = d.Reply(ctx, p)
	}
	if sent != nil {
		return fmt.Errorf("to %q: %w", d.ReplyTo, sent)
	}
	return nil
}

// log returns a logger for what is said about d.
func (s *server) log(d *transport.Delivery) *slog.Logger {
	method := strings.TrimPrefix(d.Key, s.service+".")
	return s.hub.log.With("service", s.service, "method", method, "correlation_id", d.CorrelationID)
}
