package fleet

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/gomeko/gomeko/internal/wait"
	"github.com/gomeko/gomeko/transport"
	"github.com/gomeko/gomeko/web"
)

const (
	// At these limits, a Broadcast waits for room. At twice these limits, its message is dropped.
	waitingMessages = 10_000
	waitingBytes    = 16 << 20

	// awayPoll is how often a waiting Broadcast checks whether the connection is lost.
	awayPoll = 50 * time.Millisecond
)

// An outbound publishes the messages of a hub, in order.
type outbound struct {
	backplane *backplane
	wake      chan struct{} // has a token if there is something to do
	refused   sync.Once     // the broker refuses the messages
	channel   func() *transport.Publisher

	mu sync.Mutex

	messages []web.Message     // not sent yet
	sent     int               // number of messages sent but not confirmed
	missing  error             // set if the exchange is known to be deleted
	bytes    int               // of both
	gaps     map[string]uint64 // by topic, the first message that may be lost
	room     chan struct{}     // closed when there may be room; nil if nobody waits
}

func newOutbound(b *backplane) *outbound {
	return &outbound{
		backplane: b, wake: make(chan struct{}, 1), gaps: map[string]uint64{},
		channel: sync.OnceValue(func() *transport.Publisher { return b.connection.Conn().Publisher() }),
	}
}

// publisher returns the channel for publishing. The connection must be open.
func (o *outbound) publisher() *transport.Publisher { return o.channel() }

// sizeOf returns how many bytes a message counts towards the limit.
func sizeOf(m web.Message) int { return 200 + len(m.Channel) + len(m.Event) + len(m.Body) }

// add adds a message, unless far too many are pending. Marks are always added, because they are
// few.
func (o *outbound) add(m web.Message) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if m.Kind == "event" && (len(o.messages)+o.sent >= 2*waitingMessages || o.bytes >= 2*waitingBytes) {
		o.lost(m)
		return web.ErrBackplane
	}
	o.messages = append(o.messages, m)
	o.bytes += sizeOf(m)
	signal(o.wake)
	return nil
}

// wait waits for room while the connection is up.
func (o *outbound) wait(ctx context.Context) {
	for {
		o.mu.Lock()
		if len(o.messages)+o.sent < waitingMessages && o.bytes < waitingBytes {
			o.mu.Unlock()
			return
		}
		if o.room == nil {
			o.room = make(chan struct{})
		}
		room := o.room
		o.mu.Unlock()
		if conn := o.backplane.connection.Conn(); conn == nil || !conn.Away().IsZero() {
			return
		}
		select {
		case <-room:
		case <-time.After(awayPoll):
		case <-ctx.Done():
			return
		case <-o.backplane.life.Done():
			return
		}
	}
}

// run publishes messages. It runs in its own goroutine.
func (o *outbound) run() {
	for {
		select {
		case <-o.wake:
		case <-o.backplane.life.Done():
			return
		}
		for o.next() {
		}
	}
}

// next publishes one message, or makes the peer send marks for messages that may be lost. It
// returns false if there is nothing to do.
func (o *outbound) next() bool {
	o.mu.Lock()
	if why := o.missing; why != nil {
		o.missing = nil
		o.mu.Unlock()
		o.backplane.unbound(why)
		return wait.For(o.backplane.life, awayPoll) // it may be deleted again, or may not be permitted
	}
	if len(o.messages) == 0 {
		gaps := o.gaps
		o.gaps = map[string]uint64{}
		o.mu.Unlock()
		for topic, since := range gaps {
			o.backplane.peer.Unsent(topic, since)
		}
		return len(gaps) > 0
	}
	m := o.messages[0]
	o.messages[0] = web.Message{}
	o.messages = o.messages[1:]
	o.sent++
	if since, ok := o.gaps[m.Topic]; ok && m.Seq > 0 { // the next message reports the gap
		m.Gap = since
		delete(o.gaps, m.Topic)
	}
	o.mu.Unlock()
	err := o.publisher().Send(o.backplane.life, hubPublishing(m), func(err error) { o.settled(m, err) })
	if err != nil {
		o.settled(m, err)
	}
	return o.backplane.life.Err() == nil
}

// settled is called when a message is confirmed or may be lost.
func (o *outbound) settled(m web.Message, err error) {
	refusal := (*transport.Error)(nil)
	missing := isMissing(err)
	refused := errors.As(err, &refusal) && !errors.Is(err, transport.ErrConnectionLost) && !missing
	if refused {
		o.refused.Do(func() {
			o.backplane.host.Logger().LogAttrs(o.backplane.life, slog.LevelError, "the broker refuses events for other processes", slog.Any("err", err))
		})
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if missing {
		o.missing = err
		signal(o.wake)
	}
	o.sent--
	o.bytes -= sizeOf(m)
	if o.room != nil {
		close(o.room)
		o.room = nil
	}
	if err != nil && !refused && (m.Kind == "event" || m.Kind == "mark") {
		o.lost(m)
		signal(o.wake)
	}
}

// lost records a message that may be lost. For a mark, it records the messages that the mark is
// about.
func (o *outbound) lost(m web.Message) {
	since := m.Seq
	if m.Gap > 0 {
		since = m.Gap
	}
	if known, ok := o.gaps[m.Topic]; !ok || since < known {
		o.gaps[m.Topic] = since
	}
}

// flush waits until all messages are confirmed, ctx ends or the connection is lost.
func (o *outbound) flush(ctx context.Context) {
	tick := time.NewTicker(awayPoll)
	defer tick.Stop()
	for {
		o.mu.Lock()
		done := len(o.messages)+o.sent == 0
		if !done && o.room == nil {
			o.room = make(chan struct{})
		}
		room := o.room
		o.mu.Unlock()
		if conn := o.backplane.connection.Conn(); done || conn == nil || !conn.Away().IsZero() || conn.Blocked() != nil {
			return
		}
		select {
		case <-room:
		case <-tick.C:
		case <-ctx.Done():
			return
		case <-o.backplane.life.Done():
			return
		}
	}
}
