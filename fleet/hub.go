package fleet

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/gomeko/gomeko/internal/connection"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
	"github.com/gomeko/gomeko/web"
)

const (
	// HubExchange is the direct exchange between the hubs of a fleet.
	HubExchange = "gomeko.hub"

	hubLength = 100_000  // messages in the queue of a process, which drops the oldest first
	hubBytes  = 64 << 20 // bytes in it

	maxBinds   = 512 // bindings requested at once, while other clients of the broker wait
	maxUnbinds = 32  // bindings removed at once, before new ones are made

	// retryBindMin and retryBindMax are the limits of the backoff after a binding has failed.
	retryBindMin = time.Second
	retryBindMax = 30 * time.Second

	// probeEvery is how often a process checks that its queue is still bound.
	probeEvery = 5 * time.Second
)

// Hub returns the fleet of package web's hubs: [web.Hub] and [web.Feed] reach the clients of all
// processes whose [web.Config].Hub is "fleet". It publishes and consumes on the publishing
// connection to the broker of the container's transport.Config. Package runner and package
// servicetest configure it; other programs add it to their services:
//
//	service.Configure(fleet.Hub())
func Hub() web.Fleet {
	return func(h *service.Host, peer web.Peer) (web.Backplane, error) {
		return service.Shared(h, func(h *service.Host) (*backplane, error) {
			c, err := connection.Publishing(h)
			if err != nil {
				return nil, err
			}
			b := &backplane{
				host: h, peer: peer, connection: c,
				queue:   HubExchange + "-" + h.Names()[0] + "-",
				wanted:  map[string]bool{},
				fresh:   map[string]bool{},
				bound:   map[string]bool{},
				changed: make(chan struct{}, 1),
				opened:  make(chan struct{}),
			}
			unique := strings.ReplaceAll(uuid.NewString(), "-", "")
			b.prefix, b.queue, b.probe = b.queue, b.queue+unique, "b."+unique
			b.life, b.end = context.WithCancel(h.Context())
			b.out = newOutbound(b)
			return b, connection.Planned(h, b.plan)
		})
	}
}

// A backplane implements [web.Backplane]. One goroutine binds the queue of the process to topics;
// another one publishes.
type backplane struct {
	host       *service.Host
	peer       web.Peer
	connection *connection.Shared
	prefix     string // of the queue's name
	queue      string
	probe      string              // a topic to which the queue is bound whenever it has any other binding
	consumer   *transport.Consumer // set by run, or by Start before it
	out        *outbound
	life       context.Context
	end        context.CancelFunc
	goroutines sync.WaitGroup // run and those of out
	watches    sync.WaitGroup // for the end of the consumer's channels
	changed    chan struct{}  // has a token if wanted has changed
	opened     chan struct{}  // closed when the queue is consumed for the first time

	telling sync.Mutex // held while the peer is told that it listens or has lost messages

	epoch int  // counts the channels of the consumer
	open  bool // the latest channel is open

	mu sync.Mutex

	needed bool            // the queue is needed
	wanted map[string]bool // topics that the process should listen to
	fresh  map[string]bool // those for which the peer waits
	bound  map[string]bool // topics that the queue is bound to
}

// topology returns what is declared, at first and after each reconnect. It does not include the
// bindings of topics, of which there may be thousands.
func (b *backplane) topology() transport.Topology {
	topic, _ := b.peer.Topic()
	t := hubTopology()
	t.Queues = []transport.Queue{{
		Name: b.queue, AutoDelete: true, Exclusive: true, Renewed: b.prefix,
		Args: transport.Table{"x-max-length": int32(hubLength), "x-max-length-bytes": int32(hubBytes)},
	}}
	t.Bindings = []transport.Binding{{Queue: b.queue, Exchange: HubExchange, Key: topic}}
	return t
}

// plan returns the operations that the hub needs from the broker.
func (b *backplane) plan() connection.Plan {
	return connection.Plan{By: "the hub", Topology: b.topology(), Consumes: []string{b.queue}, Writes: []string{HubExchange}}
}

func hubTopology() transport.Topology {
	return transport.Topology{Exchanges: []transport.Exchange{{Name: HubExchange, Kind: "direct", Durable: true}}}
}

// Start declares the exchange, and the queue if the process has websockets or feeds.
func (b *backplane) Start(ctx context.Context) error {
	_, always := b.peer.Topic()
	b.mu.Lock()
	b.needed = b.needed || always
	needed := b.needed
	b.mu.Unlock()
	if err := b.connection.Conn().Declare(ctx, hubTopology()); err != nil {
		return err
	}
	if needed {
		if err := b.consume(ctx); err != nil {
			return err
		}
	}
	b.goroutines.Go(b.run)
	b.goroutines.Go(b.out.run)
	return nil
}

// Stop publishes the pending messages and deletes the queue.
func (b *backplane) Stop(ctx context.Context) error {
	b.out.flush(ctx)
	b.end()
	b.goroutines.Wait()
	if b.consumer == nil {
		return nil
	}
	err := b.consumer.Close(ctx)
	if err == nil { // no further channel is opened
		b.watches.Wait()
	}
	return err
}

// Kill drops the pending messages.
func (b *backplane) Kill() { b.end() }

// consume declares the queue and starts consuming.
func (b *backplane) consume(ctx context.Context) error {
	conn := b.connection.Conn()
	err := conn.Declare(ctx, b.topology())
	if err == nil {
		b.consumer, err = conn.Consume(ctx, transport.Consume{Queue: b.queue, AckLater: true, Opened: b.begin, Handle: b.receive})
	}
	return err
}

// begin is called when consuming begins, at first and after each lost connection.
func (b *backplane) begin(lost <-chan struct{}) {
	b.telling.Lock()
	if b.open {
		b.peer.Lost()
	}
	b.epoch++
	b.open = true
	epoch, first := b.epoch, b.epoch == 1
	b.telling.Unlock()
	b.mu.Lock()
	clear(b.bound)
	b.fresh = maps.Clone(b.wanted)
	b.mu.Unlock()
	if first {
		close(b.opened)
	}
	signal(b.changed)
	b.watches.Go(func() {
		select {
		case <-lost:
		case <-b.life.Done():
			return
		}
		b.telling.Lock()
		defer b.telling.Unlock()
		if b.epoch == epoch {
			b.open = false
			b.peer.Lost()
		}
	})
}

// receive hands a message to the hub.
func (b *backplane) receive(d *transport.Delivery) {
	defer d.Ack()
	m, err := hubMessage(d, b.connection.Conn().MaxMessage())
	if err != nil { // the origin's next message reveals the gap
		b.host.Logger().LogAttrs(b.life, slog.LevelWarn, "event of another process dropped", slog.String("topic", d.Key), slog.Any("err", err))
		return
	}
	b.peer.Received(m)
}

// Listen implements [web.Backplane].
func (b *backplane) Listen(topic string) {
	own, _ := b.peer.Topic()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.needed = true
	if topic != own { // the queue is always bound to own
		b.wanted[topic], b.fresh[topic] = true, true
	}
	signal(b.changed)
}

// Unlisten implements [web.Backplane].
func (b *backplane) Unlisten(topic string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.wanted, topic)
	delete(b.fresh, topic)
	signal(b.changed)
}

// run binds the queue to the wanted topics, and checks periodically that it is bound. It runs in
// its own goroutine.
func (b *backplane) run() {
	wait, failed := time.Duration(0), retryBindMin
	probe := time.NewTicker(probeEvery)
	defer probe.Stop()
	for {
		var again <-chan time.Time
		if wait > 0 {
			again = time.After(wait)
		}
		select {
		case <-b.changed:
		case <-again:
		case <-probe.C:
			b.check()
		case <-b.life.Done():
			return
		}
		wait = 0
		switch err := b.update(); {
		case err == nil:
			failed = retryBindMin
		case b.life.Err() == nil:
			wait = failed
			failed = min(2*failed, retryBindMax)
			b.host.Logger().LogAttrs(b.life, slog.LevelWarn, "events of other processes cannot be received, trying again", slog.Any("err", err))
		}
	}
}

// update changes the bindings of the queue until they match the wanted topics, or the connection is
// lost.
func (b *backplane) update() error {
	for {
		b.mu.Lock()
		needed := b.needed
		b.mu.Unlock()
		if needed && b.consumer == nil {
			if err := b.consume(b.life); err != nil {
				return err
			}
		}
		b.telling.Lock()
		epoch, open := b.epoch, b.open
		b.telling.Unlock()
		add, remove := b.changes()
		if !open || len(add)+len(remove) == 0 {
			return nil
		}
		if err := b.change(epoch, add, remove); err != nil {
			return err
		}
	}
}

// changes returns some of the topics to bind the queue to, and some to unbind it from.
func (b *backplane) changes() (add, remove []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for topic := range b.fresh {
		if len(add) < maxBinds {
			add = append(add, topic)
		}
	}
	for topic := range b.bound {
		if !b.wanted[topic] && len(remove) < maxUnbinds {
			remove = append(remove, topic)
		}
	}
	for _, topic := range remove {
		delete(b.bound, topic)
	}
	return add, remove
}

// change unbinds the queue from the topics in remove and binds it to those in add. It tells the
// peer about the latter, unless the connection has been lost since epoch.
func (b *backplane) change(epoch int, add, remove []string) error {
	ctx, cancel := context.WithTimeout(b.life, 10*time.Second)
	defer cancel()
	conn := b.connection.Conn()
	if len(remove) > 0 {
		if err := conn.Unbind(ctx, b.queue, HubExchange, remove...); err != nil {
			return err
		}
	}
	if len(add) == 0 {
		return nil
	}
	own, _ := b.peer.Topic() // its binding may have been deleted, too
	if err := conn.Bind(ctx, b.queue, HubExchange, append([]string{own, b.probe}, add...)...); err != nil {
		return err
	}
	b.telling.Lock()
	defer b.telling.Unlock()
	if b.epoch != epoch || !b.open {
		return nil // they will be bound again
	}
	b.mu.Lock()
	for _, topic := range add {
		b.bound[topic] = true // even if it is no longer wanted
		delete(b.fresh, topic)
	}
	b.mu.Unlock()
	b.peer.Listening(slices.Clip(add))
	return nil
}

// check sends a message to the process's own queue. If it does not arrive, someone has deleted the
// exchange or the bindings. Nothing else would detect this, because transport does not know the
// bindings.
func (b *backplane) check() {
	b.mu.Lock()
	bound := len(b.bound) > 0
	b.mu.Unlock()
	if !bound {
		return
	}
	ctx, cancel := context.WithTimeout(b.life, probeEvery)
	defer cancel()
	p := hubPublishing(web.Message{Topic: b.probe, Kind: "probe"})
	p.Mandatory = true
	err := b.out.publisher().Publish(ctx, p)
	returned := (*transport.Returned)(nil)
	if errors.As(err, &returned) || isMissing(err) {
		b.unbound(err)
	}
}

// isMissing reports whether the broker refused a message because the exchange does not exist.
func isMissing(err error) bool {
	refusal := (*transport.Error)(nil)
	return errors.As(err, &refusal) && refusal.Code == 404
}

// unbound makes all bindings of the queue again after they were deleted. Messages that others have
// sent since then are lost.
func (b *backplane) unbound(why error) {
	b.host.Logger().LogAttrs(b.life, slog.LevelWarn, "the exchange "+HubExchange+" or its bindings were deleted at the broker: declaring them again", slog.Any("err", why))
	if err := b.connection.Conn().Declare(b.life, hubTopology()); err != nil {
		return // the next check or message tries again
	}
	b.telling.Lock()
	defer b.telling.Unlock()
	if !b.open {
		return
	}
	b.peer.Lost()
	b.mu.Lock()
	clear(b.bound)
	b.fresh = maps.Clone(b.wanted)
	b.mu.Unlock()
	signal(b.changed)
}

// Publish implements [web.Backplane].
func (b *backplane) Publish(m web.Message) error { return b.out.add(m) }

// Wait implements [web.Backplane].
func (b *backplane) Wait(ctx context.Context) { b.out.wait(ctx) }

// Ask implements [web.Backplane]. The answer arrives in this process's queue.
func (b *backplane) Ask(ctx context.Context, m web.Message) (bool, error) {
	select {
	case <-b.opened:
	case <-ctx.Done():
		return false, context.Cause(ctx)
	}
	p := hubPublishing(m)
	p.Mandatory = true
	err := b.out.publisher().Publish(ctx, p)
	if returned := (*transport.Returned)(nil); errors.As(err, &returned) {
		return false, nil
	}
	return err == nil, err
}
