package main

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/internal/frame"
)

// This file measures the floor: the cost of a call with a client that costs next to nothing, which
// is the broker's share. Each process is one goroutine, which answers everything that it has read
// with one write. It has no limits, no recovery, no concurrency and no codec, so it is of no other
// use.

// A wire is a connection with one channel. It collects output until there is nothing more to read,
// and then writes it at once.
type wire struct {
	conn    net.Conn
	in      *frame.Reader
	out     frame.Buffer
	max     uint32 // size of a frame
	unacked uint64 // the last delivery that is not acknowledged; 0 is none

	tag     uint64 // of the message that is read
	header  frame.Header
	body    []byte
	publish frame.BasicPublish
}

// dialWire opens a connection and its channel.
func dialWire(uri string) (*wire, error) {
	u, err := url.Parse(uri)
	if err != nil {
		return nil, err
	}
	conn, err := net.Dial("tcp", u.Host)
	if err != nil {
		return nil, err
	}
	w := &wire{conn: conn}
	w.in = frame.NewReader(w)
	w.out.ProtocolHeader()
	if _, err := w.method(new(frame.ConnectionStart).ID()); err != nil {
		return nil, err
	}
	password, _ := u.User.Password()
	tune, err := w.ask(&frame.ConnectionStartOk{Mechanism: "PLAIN", Response: "\x00" + u.User.Username() + "\x00" + password, Locale: "en_US"},
		new(frame.ConnectionTune).ID())
	if err != nil {
		return nil, err
	}
	limits := tune.(*frame.ConnectionTune)
	w.max = limits.FrameMax
	w.in.SetMaxSize(w.max)
	w.out.Method(0, &frame.ConnectionTuneOk{ChannelMax: limits.ChannelMax, FrameMax: w.max}) // without heartbeats
	if _, err := w.ask(&frame.ConnectionOpen{VirtualHost: strings.TrimPrefix(u.Path, "/")}, new(frame.ConnectionOpenOk).ID()); err != nil {
		return nil, err
	}
	_, err = w.ask(new(frame.ChannelOpen), new(frame.ChannelOpenOk).ID())
	return w, err
}

// Read reads from the connection, after it has written what was collected. The reader of frames
// calls it when it has given out all that it had.
func (w *wire) Read(p []byte) (int, error) {
	if w.unacked > 0 {
		w.out.Method(1, &frame.BasicAck{DeliveryTag: w.unacked, Multiple: true})
		w.unacked = 0
	}
	if w.out.Len() > 0 {
		if _, err := w.conn.Write(w.out.Bytes()); err != nil {
			return 0, err
		}
		w.out.Reset(w.out.Bytes())
	}
	return w.conn.Read(p)
}

// ask sends a method, and returns the answer to it.
func (w *wire) ask(m frame.Method, answer frame.ID) (frame.Method, error) {
	channel := uint16(1)
	if m.ID().Class() == frame.ClassConnection {
		channel = 0
	}
	w.out.Method(channel, m)
	return w.method(answer)
}

// method reads the method that is expected.
func (w *wire) method(want frame.ID) (frame.Method, error) {
	f, err := w.in.Next()
	if err != nil {
		return nil, err
	}
	m, err := w.in.Method(f.Payload)
	if err == nil && m.ID() != want {
		err = fmt.Errorf("want method %s, got %s: %+v", want, m.ID(), m)
	}
	return m, err
}

// listen consumes a queue that is bound by key.
func (w *wire) listen(queue, key string, prefetch uint16) error {
	for _, step := range []struct{ ask, answer frame.Method }{
		{&frame.ExchangeDeclare{Exchange: exchange, Type: "topic", Durable: true}, new(frame.ExchangeDeclareOk)},
		{&frame.QueueDeclare{Queue: queue, Durable: true}, new(frame.QueueDeclareOk)},
		{&frame.QueueBind{Queue: queue, Exchange: exchange, RoutingKey: key}, new(frame.QueueBindOk)},
		{&frame.BasicQos{PrefetchCount: prefetch}, new(frame.BasicQosOk)},
		{&frame.BasicConsume{Queue: queue}, new(frame.BasicConsumeOk)},
	} {
		if _, err := w.ask(step.ask, step.answer.ID()); err != nil {
			return err
		}
	}
	return nil
}

// next reads a message, which is in w until the next call, and will be acknowledged by the next
// write.
func (w *wire) next() error {
	for {
		f, err := w.in.Next()
		if err != nil {
			return err
		}
		switch f.Type {
		case frame.TypeMethod:
			m, err := w.in.Method(f.Payload)
			if err != nil {
				return err
			}
			switch m := m.(type) {
			case *frame.BasicDeliver:
				w.tag = m.DeliveryTag
			case *frame.BasicAck: // a confirm, or several
			default:
				return fmt.Errorf("want a delivery, got %T: %+v", m, m)
			}
			continue
		case frame.TypeHeader:
			h, err := w.in.Header(f.Payload)
			if err != nil {
				return err
			}
			h.Properties = append(w.header.Properties[:0], h.Properties...)
			w.header, w.body = h, w.body[:0]
		case frame.TypeBody:
			w.body = append(w.body, f.Payload...)
		}
		if uint64(len(w.body)) == w.header.Size {
			w.unacked = w.tag
			return nil
		}
	}
}

// send publishes by key.
func (w *wire) send(key string, p frame.Properties, body []byte, mandatory bool) {
	w.publish = frame.BasicPublish{Exchange: exchange, RoutingKey: key, Mandatory: mandatory}
	w.out.Method(1, &w.publish)
	w.out.Content(1, frame.ClassBasic, p, body, w.max)
}

// jsonProperties are what all messages have.
func jsonProperties(mode uint8) frame.Properties {
	return frame.Properties{0, 0}.WithString(frame.ContentType, "application/json").
		WithString(frame.ContentEncoding, "utf-8").WithOctet(frame.DeliveryMode, mode)
}

// serveFloor answers requests.
func serveFloor(_ context.Context, _ *role, args []string) error {
	w, err := dialWire(args[0])
	if err != nil {
		return err
	}
	if err := w.listen("rpc-bench", "bench.*", workers); err != nil {
		return err
	}
	properties := jsonProperties(modeOf(args))
	go func() {
		var body []byte
		for {
			must(w.next())
			replyTo, _ := w.header.Properties.String(frame.ReplyTo)
			id, _ := w.header.Properties.String(frame.CorrelationID)
			text := w.body[len(`{"args": [`) : len(w.body)-len(`], "kwargs": {}}`)]
			body = append(append(append(body[:0], `{"result": `...), text...), `, "error": null}`...)
			w.send(replyTo, properties.WithString(frame.CorrelationID, id), body, false)
		}
	}()
	return nil
}

// callFloor calls. Persistent requests are mandatory, and confirms are asked for; transient ones
// have no guarantee.
func callFloor(_ context.Context, r *role, args []string) error {
	w, err := dialWire(args[0])
	if err != nil {
		return err
	}
	replyTo, mode := uuid.NewString(), modeOf(args)
	kept := mode == amqp.Persistent
	if kept {
		if _, err := w.ask(new(frame.ConfirmSelect), new(frame.ConfirmSelectOk).ID()); err != nil {
			return err
		}
	}
	if err := w.listen("rpc.reply-bench-"+replyTo, replyTo, 0); err != nil {
		return err
	}
	properties := jsonProperties(mode).WithString(frame.ReplyTo, replyTo).
		WithTable(frame.Table{{Name: "nameko.call_id_stack", Value: []any{"bench.call." + replyTo}}})
	r.load = func(o order, l *latencies) report { return w.load(o, l, properties, kept) }
	return nil
}

// load is closedLoop on one goroutine: a caller is the number that its requests have as their
// correlation id.
func (w *wire) load(o order, l *latencies, properties frame.Properties, mandatory bool) report {
	l.calls.Store(0)
	body := []byte(`{"args": ["` + o.text() + `"], "kwargs": {}}`)
	requests, since := make([]frame.Properties, o.Callers), make([]time.Time, o.Callers)
	began := time.Now()
	end := began.Add(o.Duration)
	for i := range requests {
		requests[i], since[i] = properties.WithString(frame.CorrelationID, strconv.Itoa(i)), time.Now()
		w.send("bench.echo", requests[i], body, mandatory)
	}
	for calling := o.Callers; calling > 0; {
		must(w.next())
		id, _ := w.header.Properties.String(frame.CorrelationID)
		i, err := strconv.Atoi(id)
		must(err)
		now := time.Now()
		l.add(now.Sub(since[i]))
		if !now.Before(end) {
			calling--
			continue
		}
		since[i] = now
		w.send("bench.echo", requests[i], body, mandatory)
	}
	return l.report(time.Since(began))
}
