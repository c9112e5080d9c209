package control

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/gomeko/gomeko/internal/connection"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

const (
	// Exchange is the topic exchange between the processes of a fleet. Nameko does not use it.
	Exchange = "gomeko.control"

	// Valid is the expiration of a request, and of an answer.
	Valid = 5 * time.Second

	expires   = time.Minute // of the queue, after its process has disconnected
	maxLength = 1000        // limits the messages in the queue; the oldest is dropped first
	prefetch  = 16          // limits the messages that wait in the memory of a process
	maxKey    = 255         // largest routing key in AMQP, in bytes
)

// Topology returns the exchange, for packages that only publish to it.
func Topology() transport.Topology {
	return transport.Topology{Exchanges: []transport.Exchange{{Name: Exchange, Kind: "topic", Durable: true}}}
}

// An Access says which verbs a process answers.
type Access int

// Values of Access.
const (
	Off  Access = iota // nothing
	Read               // verbs that change nothing and reveal nothing about individual calls
	Full               // all verbs
)

// A Queue is the control queue of a process.
type Queue struct {
	host       *service.Host
	connection *connection.Shared
	registry   *Registry
	receivers  map[string]func(*transport.Delivery) // by routing key
	others     []other
	access     Access

	consumer  *transport.Consumer // nil if the queue is not needed
	publisher *transport.Publisher
	busy      chan struct{} // holds a token for each request that is being answered
	crowded   atomic.Int64  // when dropped requests were last logged, in nanoseconds since 1970
	refused   sync.Once     // logs once that the broker refuses answers
	life      context.Context
	end       context.CancelFunc
	answering sync.WaitGroup
}

// Open returns the control queue of the host's process. The queue is declared when the container
// starts, if any package receives from it.
func Open(h *service.Host) (*Queue, error) {
	return service.Shared(h, func(h *service.Host) (*Queue, error) {
		c, err := connection.Publishing(h)
		if err != nil {
			return nil, err
		}
		q := &Queue{
			host: h, connection: c, registry: Of(h),
			receivers: map[string]func(*transport.Delivery){}, busy: make(chan struct{}, maxBusy),
		}
		q.life, q.end = context.WithCancel(h.Context())
		return q, connection.Planned(h, q.plan)
	})
}

// Receive registers fn for messages with a routing key. fn must settle each message, and must not
// block.
func (q *Queue) Receive(key string, fn func(*transport.Delivery)) { q.receivers[key] = fn }

// ReceiveFrom registers fn, as Receive does, for messages from another topic exchange whose routing
// key is prefix followed by one word. It declares the exchange.
func (q *Queue) ReceiveFrom(exchange, prefix string, fn func(*transport.Delivery)) {
	q.others = append(q.others, other{exchange, prefix, fn})
}

// An other receives messages of another exchange.
type other struct {
	exchange, prefix string
	receive          func(*transport.Delivery)
}

// Answer sets which verbs the process answers.
func (q *Queue) Answer(access Access) { q.access = access }

// Start declares the queue and consumes it. If the broker refuses that, the process runs without
// it.
func (q *Queue) Start(ctx context.Context) error {
	q.bindVerbs()
	if len(q.receivers) == 0 {
		return nil
	}
	conn, t := q.connection.Conn(), q.topology()
	q.publisher = conn.Publisher()
	var refusal *transport.Error
	err := conn.Declare(ctx, t)
	if err == nil {
		q.consumer, err = conn.Consume(ctx, transport.Consume{Queue: t.Queues[0].Name, Prefetch: prefetch, Handle: q.receive})
	}
	if errors.As(err, &refusal) {
		q.host.Logger().Warn("the broker refuses the control queue: calls that their callers cancel run on, and gomeko services does not list this process", "err", err)
		return nil
	}
	return err
}

// plan returns what the queue needs from the broker. Answers are published to the default exchange.
func (q *Queue) plan() connection.Plan {
	q.bindVerbs()
	if len(q.receivers) == 0 {
		return connection.Plan{}
	}
	t := q.topology()
	p := connection.Plan{By: "the control queue", Topology: t, Consumes: []string{t.Queues[0].Name}}
	if q.access != Off {
		p.Writes = []string{""}
	}
	return p
}

// topology returns what is declared: a queue with a new name, bound to the keys of the receivers.
func (q *Queue) topology() transport.Topology {
	name := Exchange + "-" + q.host.Names()[0] + "-" + uuid.NewString()
	t := Topology()
	// The queue is not exclusive: after a reconnect the broker may not know yet that the old
	// connection is dead.
	t.Queues = []transport.Queue{{Name: name, Durable: true, AutoDelete: true, Args: transport.Table{
		"x-expires": int32(expires.Milliseconds()), "x-max-length": int32(maxLength),
	}}}
	for _, key := range slices.Sorted(maps.Keys(q.receivers)) {
		t.Bindings = append(t.Bindings, transport.Binding{Queue: name, Exchange: Exchange, Key: key})
	}
	for _, o := range q.others {
		t.Exchanges = append(t.Exchanges, transport.Exchange{Name: o.exchange, Kind: "topic", Durable: true})
		t.Bindings = append(t.Bindings, transport.Binding{Queue: name, Exchange: o.exchange, Key: o.prefix + "*"})
	}
	return t
}

// bindVerbs receives the verbs that this process answers.
func (q *Queue) bindVerbs() {
	if q.access == Off {
		return
	}
	for _, v := range verbs {
		if q.registry.handler(v) == nil {
			continue
		}
		q.receivers[string(v)] = func(d *transport.Delivery) { q.request(d, v, "") }
		for _, name := range q.host.Names() {
			receive := func(d *transport.Delivery) { q.request(d, v, name) }
			q.receivers[Key(v, name, "")] = receive
			if key := Key(v, name, q.host.Instance()); len(key) <= maxKey {
				q.receivers[key] = receive
			}
		}
	}
}

// Key returns the routing key of a verb: for all processes if service is "", for those of a
// service, or for one of them if instance is set.
func Key(v Verb, service, instance string) string {
	return strings.Join(slices.DeleteFunc([]string{string(v), service, instance}, func(part string) bool { return part == "" }), ".")
}

// receive handles a message. It drops messages with other keys, to which a user may have bound the
// queue.
func (q *Queue) receive(d *transport.Delivery) {
	if d.Exchange != Exchange {
		for _, o := range q.others {
			if o.exchange == d.Exchange && strings.HasPrefix(d.Key, o.prefix) {
				o.receive(d)
				return
			}
		}
	}
	if receiver := q.receivers[d.Key]; receiver != nil {
		receiver(d)
		return
	}
	q.host.Logger().Debug("control message dropped: nobody receives its key", "key", d.Key)
	d.Ack()
}

// Stop stops consuming, which deletes the queue, and waits for pending answers.
func (q *Queue) Stop(ctx context.Context) error {
	defer q.end()
	if q.consumer == nil {
		return nil
	}
	err := q.consumer.Close(ctx)
	answered := make(chan struct{})
	go func() {
		q.answering.Wait()
		close(answered)
	}()
	select {
	case <-answered:
		return errors.Join(err, q.publisher.Close(ctx))
	case <-ctx.Done():
		return errors.Join(err, context.Cause(ctx))
	}
}

// Kill cancels pending answers.
func (q *Queue) Kill() { q.end() }

// logger returns the logger for a request.
func (q *Queue) logger(d *transport.Delivery) *slog.Logger {
	return q.host.Logger().With("key", d.Key, "user_id", d.UserID)
}
