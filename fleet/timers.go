package fleet

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/gomeko/gomeko/internal/connection"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/timer"
	"github.com/gomeko/gomeko/transport"
)

// Timers returns the fleet for rows of package timer. It uses the container's connections to the
// broker of its transport.Config.
func Timers() timer.Fleet { return join(holdInterval) }

// holdInterval is how often a held token is published again. RabbitMQ's consumer_timeout is 30
// minutes by default, and at least one minute.
const holdInterval = time.Minute

func join(hold time.Duration) timer.Fleet {
	return func(r *service.Row, info timer.Info, lead func(context.Context, timer.Token)) (timer.Member, error) {
		consuming, err := connection.Consuming(r.Host)
		if err != nil {
			return nil, err
		}
		publishing, err := connection.Publishing(r.Host)
		if err != nil {
			return nil, err
		}
		m := &member{
			row: r, queue: queueName(r.Service, r.Name), info: info, lead: lead, hold: hold, holder: r.Host.Instance(),
			consuming: consuming, publishing: publishing, stopped: make(chan struct{}),
			missing: make(chan struct{}, 1), arrived: make(chan struct{}, 1), changed: make(chan struct{}, 1), ordered: make(chan struct{}, 1),
		}
		return m, connection.Planned(r.Host, func() connection.Plan {
			return connection.Plan{By: r.Name + " of " + r.Service, Topology: topology(m.queue, nil), Consumes: []string{m.queue}, Writes: []string{""}}
		})
	}
}

// A member takes part in passing on the token of a row. Its method run waits for the token, and
// leads while this process holds it.
type member struct {
	row    *service.Row
	queue  string
	info   timer.Info
	lead   func(context.Context, timer.Token)
	hold   time.Duration
	holder string

	consuming  *connection.Shared // never blocked by an alarm of the broker
	publishing *connection.Shared

	stopped chan struct{} // closed by Stop
	missing chan struct{} // receives when the queue has disappeared
	arrived chan struct{} // receives when the first token has arrived
	changed chan struct{} // receives when the token has changed
	ordered chan struct{} // receives when a command has arrived

	updating sync.Mutex // held while a token is published

	mu       sync.Mutex
	token    token                 // merged from the held tokens; without any, the last known one
	held     []*transport.Delivery // tokens that are not acknowledged yet
	commands []*transport.Delivery // commands that are not executed yet
	lost     <-chan struct{}       // closed when the channel of these deliveries is; nil if there are none
}

// Setup implements [timer.Member].
func (m *member) Setup(ctx context.Context) error {
	return m.consuming.Conn().Declare(ctx, topology(m.queue, func() { signal(m.missing) }))
}

// Start implements [service.Entrypoint].
func (m *member) Start(ctx context.Context) error {
	consumer, err := m.consuming.Conn().Consume(ctx, transport.Consume{Queue: m.queue, Handle: m.receive})
	if err != nil {
		return err
	}
	m.row.Go(func(ctx context.Context) { m.run(ctx, consumer) })
	return nil
}

// Stop implements [service.Entrypoint]. The container waits for run, which passes the token on.
func (m *member) Stop(context.Context) error {
	close(m.stopped)
	return nil
}

// run leads whenever a token has arrived, until Stop or the end of ctx. Then it passes the token
// on.
func (m *member) run(ctx context.Context, consumer *transport.Consumer) {
	for m.seed(ctx) {
		select {
		case <-m.missing:
			continue
		case <-m.arrived:
			m.leadOnce(ctx)
		case <-m.stopped:
		case <-ctx.Done():
		}
		if m.isStopped(ctx) {
			break
		}
	}
	// Cancel first, because the broker would redeliver requeued messages to this consumer.
	if err := errors.Join(consumer.Cancel(ctx), consumer.Close(ctx)); err != nil && ctx.Err() == nil {
		m.row.Logger().LogAttrs(ctx, slog.LevelWarn, "timer's token is passed on late", slog.Any("err", err))
	}
}

func (m *member) isStopped(ctx context.Context) bool {
	select {
	case <-m.stopped:
		return true
	default:
		return ctx.Err() != nil
	}
}

// seed publishes the last known token, or an empty one, because the queue may be new. The holder
// merges it with the token in the queue. seed returns false if ctx ends first.
func (m *member) seed(ctx context.Context) bool {
	m.mu.Lock()
	t := m.token
	m.mu.Unlock()
	return m.publish(ctx, t) == nil
}

// publish publishes a token, again and again until the broker has confirmed it or ctx ends.
func (m *member) publish(ctx context.Context, t token) error {
	p, err := publishing(m.queue, tokenType, t)
	if err != nil {
		return err
	}
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 10*time.Second) {
		err := m.publishing.Conn().Publish(ctx, p)
		if err == nil || ctx.Err() != nil {
			return err
		}
		m.row.Logger().LogAttrs(ctx, slog.LevelWarn, "timer's token cannot be published, trying again", slog.Any("err", err))
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return err
		}
	}
}

// receive handles a delivery of the queue.
func (m *member) receive(d *transport.Delivery) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.lost != d.Lost() {
		m.held, m.commands, m.lost = nil, nil, d.Lost() // the broker redelivers the others
	}
	if d.Type == commandType {
		m.commands = append(m.commands, d)
		signal(m.ordered)
		return
	}
	var t token
	if err := decode(d, &t); d.Type != tokenType || err != nil {
		m.row.Logger().Warn("message dropped: it is not a token of the timer", "queue", m.queue, "type", d.Type, "err", err)
		d.Ack()
		return
	}
	before := m.token
	m.token = merge(m.token, t)
	switch {
	case len(m.held) == 0:
		m.held = append(m.held, d)
		signal(m.arrived)
	case same(m.token, t): // d replaces the others
		acknowledge(m.held)
		m.held = append(m.held[:0], d)
	case same(m.token, before): // d contains nothing new
		d.Ack()
	default:
		m.held = append(m.held, d)
	}
	if !same(m.token, before) {
		signal(m.changed)
	}
}

func acknowledge(deliveries []*transport.Delivery) {
	for _, d := range deliveries {
		d.Ack()
	}
}

// signal wakes the receiver, unless it is already about to wake.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
