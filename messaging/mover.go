package messaging

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/gomeko/gomeko/internal/connection"
	"github.com/gomeko/gomeko/transport"
)

// A mover publishes failed messages to other queues. It tries until the broker has confirmed a
// message, which is not acknowledged before that.
type mover struct {
	shared *connection.Shared
	pauses *pauses
	log    *slog.Logger
	life   context.Context // ends when the row begins to stop; nothing is tried again after that

	mu        sync.Mutex
	publisher *transport.Publisher // nil until the first message
	declared  map[string]time.Time // the queues known to exist, and the time from which each is safe
	logged    time.Time            // when a failure was last logged
	waiting   int                  // messages that could not be moved so far
}

// unmoved is the reason for pausing a row whose failed messages cannot be moved.
const unmoved = "its failed messages cannot be moved"

const (
	moveMin   = 100 * time.Millisecond // the wait after a failure; it doubles with each further one
	moveMax   = 10 * time.Second
	moveLimit = 30 * time.Second // of one attempt
	moveLog   = time.Minute      // how often failures are logged
	stopLimit = 5 * time.Second  // of an attempt, when the row has begun to stop

	// infancy is the age from which a queue survives a crash of its broker. RabbitMQ (3.10.8) writes
	// the list of its quorum queues to the disk once none was declared for 0.5 s to 1 s. If it is
	// killed before that, the queue remains without a leader, and hides what was confirmed in it.
	infancy = 2 * time.Second
)

// errUnsendable is the error of a message that can never be published.
var errUnsendable = errors.New("the message cannot be moved")

// errUnsafe is the error of a message whose connection was lost before the message was safe in its
// new queue.
var errUnsafe = errors.New("the connection was lost just after the queue was declared")

// move declares t, publishes p to one of its queues in place of d, and returns when the broker has
// confirmed that and the queue is safe; a new queue is not safe at once. It tries again if the
// queue is missing or full, or the connection is lost; from the second failure on, the row is
// paused meanwhile. If move returns an error, d must be given back: the error is ctx's, errUnsafe,
// errUnsendable, or says that the row is stopping. A stop does not cut short the wait for a new
// queue.
func (m *mover) move(ctx context.Context, d *transport.Delivery, t transport.Topology, p transport.Publishing) error {
	p.Forwarded = true
	for attempt := 0; ; attempt++ {
		lost := d.Lost()
		safe, err := m.try(ctx, t, p)
		if err == nil {
			return age(ctx, safe, lost)
		}
		if errors.Is(err, errUnsendable) {
			return err
		}
		if ctx.Err() == nil {
			m.logFailure(p.Key, err)
		}
		if attempt == 1 {
			m.hold(1)
			defer m.hold(-1)
		}
		if err := m.wait(ctx, min(moveMin<<min(attempt, 10), moveMax)); err != nil {
			return err
		}
	}
}

// age waits until a queue is safe. It returns errUnsafe if the connection is lost first, or ctx's
// cause.
func age(ctx context.Context, safe time.Time, lost <-chan struct{}) error {
	d := time.Until(safe)
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-lost:
		return errUnsafe
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// hold counts the messages that wait, and pauses the row while there are any.
func (m *mover) hold(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.waiting += n; m.waiting > 0 {
		m.pauses.pause(unmoved)
	} else {
		m.pauses.resume(unmoved)
	}
}

// try makes one attempt, and returns the time from which the queue is safe. It has its own time
// limit, so it does not delay a stop.
func (m *mover) try(ctx context.Context, t transport.Topology, p transport.Publishing) (safe time.Time, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, moveLimit, fmt.Errorf("not in %s: %w", moveLimit, context.DeadlineExceeded))
	defer cancel()
	stop := context.AfterFunc(m.life, func() { time.AfterFunc(stopLimit, cancel) })
	defer stop()
	conn, err := m.shared.Open(ctx)
	if err != nil {
		return safe, err
	}
	if safe, err = m.declare(ctx, conn, t, p.Key); err != nil {
		return safe, err
	}
	if err = m.publisherOn(conn).Publish(ctx, p); err != nil {
		if returned := (*transport.Returned)(nil); errors.As(err, &returned) {
			m.forget(p.Key)
		}
		if ctx.Err() == nil && !isOutcome(err) {
			err = fmt.Errorf("%w: %w", errUnsendable, err)
		}
	}
	return safe, err
}

// isOutcome reports whether a publishing was sent, or may be sent later: the error is not a mistake
// in it.
func isOutcome(err error) bool {
	var returned *transport.Returned
	var refused *transport.Error
	return errors.As(err, &returned) || errors.As(err, &refused) || errors.Is(err, transport.ErrNacked) ||
		errors.Is(err, transport.ErrConnectionLost) || errors.Is(err, transport.ErrClosed)
}

// declare declares t, unless its queue key is known to exist, and returns the time from which that
// is safe.
func (m *mover) declare(ctx context.Context, conn *transport.Conn, t transport.Topology, key string) (safe time.Time, err error) {
	m.mu.Lock()
	safe, known := m.declared[key]
	m.mu.Unlock()
	if known {
		return safe, nil
	}
	if err := conn.Declare(ctx, t); err != nil {
		return safe, err
	}
	return m.know(conn, key), nil
}

// know notes that a queue was declared on conn, and returns the time from which it is safe. Even if
// the queue existed, another process may have just created it.
func (m *mover) know(conn *transport.Conn, key string) (safe time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if safe, known := m.declared[key]; known {
		return safe
	}
	if !conn.InMemory() {
		safe = time.Now().Add(infancy)
	}
	m.declared[key] = safe
	return safe
}

// forget notes that a queue is missing, so it is declared before the next message.
func (m *mover) forget(key string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.declared, key)
}

// publisherOn returns the mover's publisher. It is not the connection's own, because a refusal
// would disturb the others who use that.
func (m *mover) publisherOn(conn *transport.Conn) *transport.Publisher {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.publisher == nil {
		m.publisher = conn.Publisher()
	}
	return m.publisher
}

// logFailure logs that a message could not be moved, at most once a minute.
func (m *mover) logFailure(queue string, err error) {
	m.mu.Lock()
	again := time.Since(m.logged) < moveLog
	if !again {
		m.logged = time.Now()
	}
	m.mu.Unlock()
	if again {
		return
	}
	remedy := "it is tried again"
	switch refused := (*transport.Error)(nil); {
	case errors.Is(err, transport.ErrNacked):
		remedy = "the queue is full: see what fails with gomeko dead, and why; if it is empty, it has lost its leader: elect one (docs/failures.md)"
	case errors.As(err, &refused) && refused.Remedy != "":
		remedy = refused.Remedy
	}
	m.log.Error("a failed message cannot be moved, and stays unacknowledged in its queue", "to", queue, "err", err, "remedy", remedy)
}

// wait waits until the next attempt. It fails if the row stops, or with ctx's error.
func (m *mover) wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-m.life.Done():
		return context.Cause(m.life)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// close closes the publisher. Nothing may be moved after that.
func (m *mover) close(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.publisher == nil {
		return nil
	}
	return m.publisher.Close(ctx)
}
