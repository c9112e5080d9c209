package web

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/service"
)

const (
	// linger is how long the messages of a bucket are still received and kept after its last
	// listener has left. A polling client is away between two polls.
	linger = time.Minute

	// bindTimeout limits how long a new listener waits until the process receives messages from
	// other processes.
	bindTimeout = 5 * time.Second
)

// A relay numbers the events of a hub, keeps the latest ones for returning clients of feeds, and
// exchanges events with the hubs of other processes. A hub has a relay if there are feeds or
// [Config].Hub is "fleet". It implements [Peer].
//
// Channels are spread over buckets by a hash of their names. Each bucket has its own sequences of
// messages, and the process listens to whole buckets.
type relay struct {
	hub       *hub
	cfg       Feeds
	log       *slog.Logger
	self      origin
	topic     string
	serves    bool      // the process has websockets or feeds
	backplane Backplane // nil if there are no other processes

	mu sync.Mutex

	away    bool              // the connection to the other processes is lost
	seqs    map[uint16]uint64 // the sequence of the hub's last message, by bucket
	buckets map[uint16]*bucket
	feeds   map[string]map[*listener]struct{} // by channel
	open    int                               // number of listeners of feeds
	closed  bool                              // no further listeners are added
	windows windows
	asks    map[string]chan Message // by the ID of the question
}

// A bucket is kept while it has listeners, and for a while after the last one has left.
type bucket struct {
	window // messages since the process began to listen
	topic  string

	listeners int           // websockets and feeds, by channel
	idle      *time.Timer   // removes the bucket; nil while there are listeners
	bound     bool          // the process receives messages from other processes
	ready     chan struct{} // closed when bound becomes true
	missed    bool          // listeners may have missed something since the process last stopped listening
}

// newRelay returns the relay of a hub. If join is not nil, it connects the relay to those of other
// processes.
func newRelay(h *service.Host, hub *hub, cfg Feeds, join Fleet) (*relay, error) {
	r := &relay{
		hub: hub, cfg: cfg, log: h.Logger(),
		seqs:    map[uint16]uint64{},
		buckets: map[uint16]*bucket{},
		feeds:   map[string]map[*listener]struct{}{},
		asks:    map[string]chan Message{},
		windows: windows{maxEvents: cfg.Window, maxBytes: cfg.WindowBytes},
	}
	_, _ = rand.Read(r.self[:]) // it never fails
	r.topic = processTopic(r.self[:socketPrefix])
	if join == nil {
		return r, nil
	}
	var err error
	r.backplane, err = join(h, r)
	return r, err
}

// bucketOf returns the bucket of a channel, one of 4,096.
func bucketOf(channel string) uint16 {
	sum := sha256.Sum256([]byte(channel))
	return binary.BigEndian.Uint16(sum[:]) >> 4
}

// TopicOf returns the topic of the messages on a channel. docs/wire/hub.md describes it.
func TopicOf(channel string) string { return strconv.Itoa(int(bucketOf(channel))) }

// processTopic returns the topic of the process whose sockets have IDs with this prefix.
func processTopic(prefix []byte) string { return "p." + hex.EncodeToString(prefix) }

// Topic implements [Peer].
func (r *relay) Topic() (topic string, always bool) { return r.topic, r.serves }

// join counts a listener to a channel and returns the channel's bucket.
func (r *relay) join(channel string) *bucket {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := bucketOf(channel)
	b := r.buckets[n]
	if b == nil {
		b = &bucket{topic: TopicOf(channel), ready: make(chan struct{}), window: window{all: &r.windows, bucket: n, self: r.self}}
		r.buckets[n] = b
		if r.backplane == nil {
			r.bind(b)
		} else {
			r.backplane.Listen(b.topic)
		}
	}
	b.listeners++
	if b.idle != nil {
		b.idle.Stop()
		b.idle = nil
	}
	return b
}

// leave is called when a listener to a channel has left.
func (r *relay) leave(channel string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.buckets[bucketOf(channel)]
	if b.listeners--; b.listeners == 0 {
		b.idle = time.AfterFunc(linger, func() { r.forget(b) })
	}
}

// forget removes a bucket that has no listeners.
func (r *relay) forget(b *bucket) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if b.listeners > 0 || r.buckets[b.bucket] != b {
		return
	}
	b.clear()
	delete(r.buckets, b.bucket)
	if r.backplane != nil {
		r.backplane.Unlisten(b.topic)
	}
}

// await waits until the process receives messages of a bucket from other processes. It gives up
// when ctx ends or while the connection is lost; listeners then get a reset once the process
// listens.
func (r *relay) await(ctx context.Context, b *bucket) {
	r.mu.Lock()
	ready, away := b.ready, r.away
	r.mu.Unlock()
	if !away {
		select {
		case <-ready:
			return
		case <-ctx.Done():
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	b.missed = b.missed || !b.bound
}

// bind is called when the process listens to a bucket. It begins a new window with a mark, by which
// other windows and clients can tell. It is called with mu held.
func (r *relay) bind(b *bucket) {
	b.clear()
	if !b.bound {
		b.bound = true
		close(b.ready)
	}
	// Messages that the hub sent before may still wait for the connection, so clients of other
	// processes may lack them.
	b.progress(r.self, r.seqs[b.bucket]+1).lost = r.seqs[b.bucket]
	r.mark(b.bucket, 0)
}

// mark sends a mark to the other hubs. gap is the first sequence whose messages may be lost; 0
// means none. It is called with mu held.
func (r *relay) mark(n uint16, gap uint64) {
	r.seqs[n]++
	if b := r.buckets[n]; b != nil && b.bound {
		b.add(r.self, r.seqs[n], nil)
		if r.backplane == nil {
			b.echo(r.seqs[n])
		}
	}
	if r.backplane != nil {
		_ = r.backplane.Publish(Message{ // Unsent is called if it cannot be sent
			Topic: strconv.Itoa(int(n)), Kind: "mark", Origin: string(r.self[:]), Seq: r.seqs[n], Gap: gap,
		})
	}
}

// broadcast sends an event to the clients of this process and then to the other hubs.
func (r *relay) broadcast(ctx context.Context, channel, name string, data any) error {
	what := func(err error) error { return fmt.Errorf("event %s on channel %s: %w", name, channel, err) }
	text, err := encodeData(r.hub.codec, data)
	if err != nil {
		return what(err)
	}
	if len(channel) > maxChannelName {
		return what(errChannelName)
	}
	n, e := bucketOf(channel), &event{channel, name, text}
	r.mu.Lock()
	r.seqs[n]++
	r.deliver(n, r.self, r.seqs[n], e)
	if r.backplane != nil {
		err = r.backplane.Publish(Message{
			Topic: strconv.Itoa(int(n)), Kind: "event", Origin: string(r.self[:]), Seq: r.seqs[n],
			Channel: channel, Event: name, Body: text,
		})
	}
	r.mu.Unlock()
	r.hub.send(e)
	if err != nil {
		return what(err)
	}
	if r.backplane != nil {
		r.backplane.Wait(ctx)
	}
	return nil
}

// encodeData encodes the data of an event. It runs code of the data, such as MarshalJSON, and
// returns a panic in that code as an error.
func encodeData(c codec.Codec, data any) (text []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return c.Encode(data)
}

// deliver keeps a message, and sends it to the feeds if it is an event. It is called with mu held.
func (r *relay) deliver(n uint16, from origin, seq uint64, e *event) {
	b := r.buckets[n]
	if b == nil {
		return
	}
	if b.bound {
		b.add(from, seq, e)
		if r.backplane == nil {
			b.echo(seq)
		}
		if b.full() {
			r.bind(b)
		}
	}
	if e == nil || len(r.feeds[e.channel]) == 0 {
		return
	}
	f := r.hub.newFrame(e.stream())
	defer f.release()
	for l := range r.feeds[e.channel] {
		if seq > l.ahead[n].vector[from] {
			l.add(outgoingEvent{e, f}, false)
		}
	}
}

// Received implements [Peer].
func (r *relay) Received(m Message) {
	if m.Origin == string(r.self[:]) {
		r.echo(m)
		return
	}
	switch m.Kind {
	case "ask":
		r.answer(m)
	case "answer":
		r.answered(m)
	case "event", "mark":
		if err := m.check(); err != nil {
			r.log.Debug("message of the hub dropped", "topic", m.Topic, "err", err)
			return
		}
		r.receive(m)
	}
}

// echo handles a message of this hub that has come back; its clients already have it.
func (r *relay) echo(m Message) {
	n, err := strconv.ParseUint(m.Topic, 10, 12)
	r.mu.Lock()
	defer r.mu.Unlock()
	if b := r.buckets[uint16(n)]; b != nil && err == nil {
		b.echo(m.Seq)
	}
}

// check returns an error if an event or a mark from outside is invalid. Any client of the broker
// could have sent it.
func (m *Message) check() error {
	switch n, err := strconv.ParseUint(m.Topic, 10, 12); {
	case err != nil:
		return fmt.Errorf("topic: %w", err)
	case len(m.Origin) != len(origin{}) || m.Seq == 0:
		return fmt.Errorf("origin of %d bytes, sequence %d", len(m.Origin), m.Seq)
	case m.Kind == "mark":
		return nil
	case len(m.Channel) > maxChannelName || bucketOf(m.Channel) != uint16(n):
		return fmt.Errorf("the channel %.40q is not one of the topic", m.Channel)
	case !json.Valid(m.Body):
		return fmt.Errorf("the body is not JSON")
	}
	return nil
}

// receive handles an event or a mark of another hub.
func (r *relay) receive(m Message) {
	n, _ := strconv.ParseUint(m.Topic, 10, 12)
	from, e := origin([]byte(m.Origin)), (*event)(nil)
	if m.Kind == "event" {
		e = &event{m.Channel, m.Event, m.Body}
	}
	r.mu.Lock()
	b := r.buckets[uint16(n)]
	if b == nil {
		r.mu.Unlock()
		return
	}
	missed := false
	if b.bound {
		p := b.origins[from]
		if p != nil && m.Seq <= p.last { // a duplicate
			r.mu.Unlock()
			return
		}
		if missed = b.jumps(from, &m); missed {
			r.reset(b)
		}
	}
	r.deliver(uint16(n), from, m.Seq, e)
	r.mu.Unlock()
	if missed {
		r.hub.resetSockets(map[uint16]bool{uint16(n): true})
	}
	if e != nil {
		r.hub.send(e)
	}
}

// reset tells the feeds of a bucket that they may have missed events. It is called with mu held.
func (r *relay) reset(b *bucket) {
	for channel, feeds := range r.feeds {
		if bucketOf(channel) == b.bucket {
			for l := range feeds {
				l.reset()
			}
		}
	}
}

// Listening implements [Peer].
func (r *relay) Listening(topics []string) {
	missed := map[uint16]bool{}
	r.mu.Lock()
	r.away = false
	for _, topic := range topics {
		n, err := strconv.ParseUint(topic, 10, 12)
		if b := r.buckets[uint16(n)]; err == nil && b != nil && !b.bound {
			r.bind(b)
			if b.missed {
				b.missed, missed[b.bucket] = false, true
				r.reset(b)
			}
		}
	}
	r.mu.Unlock()
	r.hub.resetSockets(missed)
}

// Lost implements [Peer].
func (r *relay) Lost() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.away = true
	for _, b := range r.buckets {
		b.missed = b.missed || b.listeners > 0
		b.clear()
		if b.bound {
			b.bound, b.ready = false, make(chan struct{})
		}
	}
}

// Unsent implements [Peer]. It sends a mark that tells the other hubs of the possible gap.
func (r *relay) Unsent(topic string, since uint64) {
	n, err := strconv.ParseUint(topic, 10, 12)
	if err != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mark(uint16(n), since)
}
