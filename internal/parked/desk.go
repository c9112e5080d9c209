package parked

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gomeko/gomeko/internal/deadletter"
	"github.com/gomeko/gomeko/transport"
)

// Limits on the messages that a look holds, and on their bytes.
const (
	MaxMessages = 10_000
	MaxBytes    = 64 << 20
)

var (
	// ErrNone is returned by Open if there is no dead queue of this name, because no message was
	// ever parked.
	ErrNone = errors.New("nothing is parked")

	// ErrBusy is returned by Open if another process has the queue open. If two had, the messages
	// would lose their order.
	ErrBusy = errors.New("another command works on its parked messages: wait until that has ended")

	// ErrLost is the error of a look whose connection was lost. The messages are back in the queue;
	// one that was just being replayed may still be in it, too.
	ErrLost = errors.New("connection to the broker lost: the messages are parked still, except those that were taken before")
)

// Reply codes of the broker.
const (
	notFound       = 404
	resourceLocked = 405
)

// A Desk gives access to the dead queue of a queue. Its methods must not be called concurrently.
type Desk struct {
	Queue string // the queue in which the messages failed

	conn *transport.Conn
	dead string // the name of the dead queue
	lock string // the name of an exclusive queue that serves as a lock: quorum queues have no exclusive consumers
}

// Open opens the dead queue of a queue for this process, until Close or the end of the connection.
// Until then, Open returns [ErrBusy] to other processes.
func Open(ctx context.Context, conn *transport.Conn, queue string) (*Desk, error) {
	d := &Desk{Queue: queue, conn: conn, dead: deadletter.DeadQueue(queue), lock: deadletter.LockQueue(queue)}
	var refused *transport.Error
	if _, err := d.depth(ctx); errors.As(err, &refused) && refused.Code == notFound {
		return nil, fmt.Errorf("queue %s: %w", queue, ErrNone)
	} else if err != nil {
		return nil, err
	}
	err := conn.Declare(ctx, transport.Topology{Queues: []transport.Queue{{Name: d.lock, Exclusive: true, AutoDelete: true}}})
	if errors.As(err, &refused) && refused.Code == resourceLocked {
		return nil, fmt.Errorf("queue %s: %w", queue, ErrBusy)
	}
	return d, err
}

// Depth returns how many messages are parked for a queue, not counting those that a process holds.
// It returns 0 if no message was ever parked.
func Depth(ctx context.Context, conn *transport.Conn, queue string) (int, error) {
	n, _, err := conn.Inspect(ctx, deadletter.DeadQueue(queue))
	if refused := (*transport.Error)(nil); errors.As(err, &refused) && refused.Code == notFound {
		return 0, nil
	}
	return n, err
}

// Close lets other processes open the queue.
func (d *Desk) Close(ctx context.Context) error { return d.conn.Delete(ctx, d.lock) }

// depth returns how many messages are parked, not counting those that a process holds.
func (d *Desk) depth(ctx context.Context) (int, error) {
	n, _, err := d.conn.Inspect(ctx, d.dead)
	return n, err
}

// A Look is what was found in a dead queue, in the order of the queue.
type Look struct {
	Messages []*Message
	Unseen   int // number of messages behind these, because a look is limited
}

// Look returns the messages that are parked now, and leaves them in the queue. It returns at most
// [MaxMessages] of them, and at most [MaxBytes].
func (d *Desk) Look(ctx context.Context) (Look, error) {
	depth, err := d.depth(ctx)
	if err != nil || depth == 0 {
		return Look{}, err
	}
	h, err := d.hold(ctx, depth)
	if err != nil {
		return Look{}, err
	}
	return Look{Messages: h.messages, Unseen: depth - len(h.messages)}, h.release(ctx, depth)
}

// A held is the first part of a dead queue while this process holds it.
type held struct {
	desk     *Desk
	consumer *transport.Consumer
	full     chan struct{} // closed when no more messages are taken
	messages []*Message    // valid once full is closed

	mu    sync.Mutex // guards the following fields
	limit int
	got   []*Message
	bytes int
	done  bool
}

// hold takes the first messages: at most n, and at most as many as a look may have. It returns
// fewer if some have expired.
func (d *Desk) hold(ctx context.Context, n int) (*held, error) {
	n = min(n, MaxMessages)
	h := &held{desk: d, full: make(chan struct{}), limit: n}
	var err error
	if h.consumer, err = d.conn.Consume(ctx, transport.Consume{Queue: d.dead, Prefetch: n, Handle: h.take}); err != nil {
		return nil, err
	}
	idle := time.NewTicker(idleTime)
	defer idle.Stop()
	for before := -1; ; {
		select {
		case <-h.full:
			return h, nil
		case <-ctx.Done():
			return nil, errors.Join(context.Cause(ctx), h.release(ctx, 0))
		case <-idle.C:
		}
		depth, err := d.depth(ctx)
		if err != nil {
			return nil, errors.Join(err, h.release(ctx, 0))
		}
		if now := h.count(); depth > 0 || now != before {
			before = now
			continue
		}
		h.finish() // some have expired
		return h, nil
	}
}

// idleTime is how long nothing must arrive from an empty queue until the missing messages are
// assumed to have expired.
const idleTime = 3 * time.Second

// take handles a delivery.
func (h *held) take(delivery *transport.Delivery) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.done {
		return // release returns it to the queue
	}
	m := read(delivery, h.desk.Queue)
	if h.bytes += m.size(); h.bytes > MaxBytes && len(h.got) > 0 {
		h.stop()
		return
	}
	if h.got = append(h.got, m); len(h.got) == h.limit {
		h.stop()
	}
}

// stop stops taking messages. mu is held.
func (h *held) stop() {
	if !h.done {
		h.done, h.messages = true, h.got
		close(h.full)
	}
}

func (h *held) finish() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stop()
}

func (h *held) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.got)
}

// lost reports whether the messages have been requeued because their channel was closed.
func (h *held) lost() bool {
	if len(h.messages) == 0 {
		return false
	}
	select {
	case <-h.messages[0].delivery.Lost():
		return true
	default:
		return false
	}
}

const (
	releaseTime = 10 * time.Second // for the broker to process the release
	returnTime  = 10 * time.Second // for the queue to have the messages again
	returnPoll  = 100 * time.Millisecond
)

// release requeues the messages that have not been taken. It then waits until the queue has at
// least depth messages, so that the next look sees them. It does so even if ctx has ended.
func (h *held) release(ctx context.Context, depth int) error {
	lost := h.lost()
	ctx = context.WithoutCancel(ctx)
	closing, cancel := context.WithTimeout(ctx, releaseTime)
	defer cancel()
	if err := h.consumer.Release(closing); err != nil {
		return err
	}
	if lost {
		return ErrLost
	}
	waiting, cancel := context.WithTimeout(ctx, returnTime)
	defer cancel()
	for pause := time.Millisecond; ; pause = min(2*pause, returnPoll) {
		if n, err := h.desk.depth(waiting); err != nil || n >= depth {
			return nil // the connection is lost, so the messages are back in any case
		}
		select {
		case <-time.After(pause):
		case <-waiting.Done(): // some have expired
			return nil
		}
	}
}
