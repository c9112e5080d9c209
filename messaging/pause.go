package messaging

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// pauseLimit limits the wait for the broker to cancel the consumers of a row. If one of them
// blocks, it is cancelled later.
const pauseLimit = 30 * time.Second

// pauses pauses a row while there is a reason to. A pause cancels the row's consumers, including
// those opened meanwhile, and returns the messages that wait for a worker, or for their return, to
// the queue. Running calls go on, and their messages are settled.
type pauses struct {
	row     *service.Row
	queue   string
	returns *returns

	mu        sync.Mutex
	reasons   []string // in the order in which they were added
	since     time.Time
	consumers []*transport.Consumer
	withdrawn chan struct{} // closed during a pause
	paused    bool          // the consumers are paused
	told      bool          // the pause was logged
	probing   bool          // the consumers may take one message each
	working   bool          // a goroutine is pausing or resuming the consumers
	stopped   bool          // the consumers are cancelled for good
}

// init prepares the pauses of a row.
func (p *pauses) init(s *subscriber) {
	p.row, p.queue, p.returns, p.withdrawn = s.row, s.Queue, &s.returns, make(chan struct{})
}

// manage adds a consumer of the row.
func (p *pauses) manage(c *transport.Consumer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.consumers = append(p.consumers, c)
	p.paused = p.paused && len(p.reasons) == 0 // the new consumer is not paused yet
	p.work()
}

// signal returns a channel that is closed when the row is paused. Messages that the row holds
// without a worker must then be given back.
func (p *pauses) signal() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.withdrawn
}

// pause adds a reason. It returns at once.
func (p *pauses) pause(reason string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if slices.Contains(p.reasons, reason) {
		return
	}
	p.reasons = append(p.reasons, reason)
	if p.probing { // close the consumers again
		p.probing, p.paused = false, false
	}
	if len(p.reasons) == 1 {
		p.since = time.Now()
		close(p.withdrawn)
	}
	p.work()
}

// resume removes a reason, and resumes the row if it was the last one. It returns at once.
func (p *pauses) resume(reason string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.Index(p.reasons, reason)
	if i < 0 {
		return
	}
	p.reasons = slices.Delete(p.reasons, i, i+1)
	if len(p.reasons) == 0 {
		p.withdrawn = make(chan struct{})
	}
	p.work()
}

// probe lets the row take one message from each of its queues, if reason is the only one for its
// pause.
func (p *pauses) probe(reason string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped || !p.paused || p.working || len(p.reasons) != 1 || p.reasons[0] != reason {
		return false
	}
	p.probing = true
	for _, c := range p.consumers {
		c.Probe()
	}
	return true
}

// now returns the row's current pause, or false if it is not paused.
func (p *pauses) now() (service.Pause, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return service.Pause{Service: p.row.Service, Row: p.row.Name, Queue: p.queue, Reasons: slices.Clone(p.reasons), Since: p.since},
		len(p.reasons) > 0
}

// work starts a goroutine that pauses or resumes the consumers, if that is necessary. The caller
// holds mu.
func (p *pauses) work() {
	if p.working || p.stopped || len(p.consumers) == 0 || p.paused == (len(p.reasons) > 0) {
		return
	}
	p.working = true
	p.row.Go(func(ctx context.Context) {
		for p.step(ctx) {
		}
	})
}

// step pauses or resumes the consumers. It returns false if nothing is left to do.
func (p *pauses) step(ctx context.Context) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	want := len(p.reasons) > 0
	if p.stopped || p.paused == want {
		p.working = false
		return false
	}
	news := want != p.told
	p.paused, p.told, p.probing = want, want, false
	consumers, reasons, since := slices.Clone(p.consumers), slices.Clone(p.reasons), p.since
	p.mu.Unlock()
	switch {
	case !news:
	case want:
		p.row.Logger().Warn("row paused: its messages wait in the queue", "queue", p.queue, "reasons", reasons)
	default:
		p.row.Logger().Info("row resumed", "queue", p.queue, "after", time.Since(since).Round(time.Millisecond))
	}
	p.returns.hold(!want)
	if want {
		p.close(ctx, consumers)
	} else {
		for _, c := range consumers {
			c.Resume()
		}
	}
	p.mu.Lock()
	return true
}

// close pauses consumers.
func (p *pauses) close(ctx context.Context, consumers []*transport.Consumer) {
	ctx, cancel := context.WithTimeoutCause(ctx, pauseLimit, fmt.Errorf("not in %s: %w", pauseLimit, context.DeadlineExceeded))
	defer cancel()
	for _, c := range consumers {
		if err := c.Pause(ctx); err != nil {
			p.row.Logger().Warn("row pauses later", "queue", p.queue, "err", err)
		}
	}
}

// stop ends pausing and resuming, because the row stops.
func (p *pauses) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stopped = true
}

// over reports whether the row is stopping.
func (p *pauses) over() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stopped
}

// pauseFor pauses the rows of a service for a reason, or resumes them.
func (s *shared) pauseFor(service, reason string, on bool) {
	for _, sub := range s.subscribers {
		switch {
		case sub.row.Service != service || sub.diesAlone():
		case on:
			sub.pauses.pause(reason)
		default:
			sub.pauses.resume(reason)
		}
	}
}

// diesAlone reports whether the broker deletes the row's queue, with its messages, while nobody
// consumes it. Such a row does not pause.
func (s *subscriber) diesAlone() bool {
	return slices.ContainsFunc(s.Topology.Queues, func(q transport.Queue) bool {
		_, expires := q.Args["x-expires"]
		return q.Name == s.Queue && (q.AutoDelete || expires)
	})
}

// Pauses returns the rows that are paused now. It implements [service.Pauser].
func (s *shared) Pauses() (all []service.Pause) {
	for _, sub := range s.subscribers {
		if now, paused := sub.pauses.now(); paused {
			all = append(all, now)
		}
	}
	return all
}
