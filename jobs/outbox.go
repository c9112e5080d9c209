package jobs

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/gomeko/gomeko/internal/connection"
	"github.com/gomeko/gomeko/internal/id"
	"github.com/gomeko/gomeko/jobs/store"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// The times of a relay.
const (
	relayEvery = time.Second            // between two polls of an outbox to which this process has not written
	relayAgain = 20 * time.Millisecond  // while another process publishes
	relayAway  = 100 * time.Millisecond // after an error; it doubles up to relayEvery
	relayLimit = 10 * time.Second       // for a batch to be published
	relayLast  = 5 * time.Second        // for the remaining messages when the process stops
	heldFirst  = time.Second            // after a line's message was refused; it doubles up to heldMost
	heldMost   = time.Minute
)

// An outbox writes messages into the transactions of calls. Its goroutine, the relay, publishes the
// messages of all processes whose transaction is committed.
type outbox struct {
	host       *service.Host
	storage    *storage
	connection *connection.Shared
	owner      string               // of the relay's lease
	store      *store.Store         // nil before Setup
	publisher  *transport.Publisher // separate from others, which its refusals must not disturb
	wake       chan struct{}        // holds a token when a call that wrote something was committed
	held       map[string]*hold     // the lines whose oldest message was refused; used by the relay's goroutine only
	background
}

// A hold keeps the relay from a line for a while.
type hold struct {
	until time.Time
	pause time.Duration
}

func newOutbox(host *service.Host) (*outbox, error) {
	s, err := storageOf(host)
	if err != nil {
		return nil, err
	}
	c, err := connection.Publishing(host)
	return &outbox{host: host, storage: s, connection: c, owner: id.New(host.Instance() + " "), wake: make(chan struct{}, 1), held: map[string]*hold{}}, err
}

// Add implements [messaging.Outbox].
func (o *outbox) Add(ctx context.Context, line string, m transport.Publishing) error {
	tx, err := txOf(ctx)
	if err != nil {
		return fmt.Errorf(`outbox:"database": %w`, err)
	}
	envelope, err := seal(&m)
	if err == nil {
		err = o.store.AddMessage(ctx, tx, store.Message{Line: line, Exchange: m.Exchange, Key: m.Key, Properties: envelope, Body: m.Body})
	}
	if err != nil {
		return fmt.Errorf("outbox: %w", err)
	}
	return service.AfterCall(ctx, o.committed)
}

// committed wakes the relay.
func (o *outbox) committed(context.Context) error {
	select {
	case o.wake <- struct{}{}:
	default:
	}
	return nil
}

// Setup checks the store.
func (o *outbox) Setup(ctx context.Context) (err error) {
	o.store, err = o.storage.ready(ctx)
	return err
}

// Start starts the relay.
func (o *outbox) Start(context.Context) error {
	o.publisher = o.connection.Conn().Publisher()
	o.begin(o.host, o.relay)
	return nil
}

// Stop publishes what the last calls have written, if that is possible at once. The rest stays in
// the store, and another process publishes it, or this one when it starts again.
func (o *outbox) Stop(ctx context.Context) error {
	err := o.background.Stop(ctx)
	if o.store == nil || o.publisher == nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, relayLast)
	defer cancel()
	for o.connection.Conn().Away().IsZero() {
		d, err := o.pass(ctx)
		if err != nil || d.Done == 0 {
			break
		}
	}
	return errors.Join(err, o.publisher.Close(ctx))
}

// relay publishes until ctx ends. An empty outbox costs a small statement each second.
func (o *outbox) relay(ctx context.Context) {
	failures := 0
	for pause := time.Duration(0); o.wait(ctx, pause); {
		if away := o.connection.Conn().Away(); !away.IsZero() {
			pause = relayAway
			continue
		}
		d, err := o.pass(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			failures++
			if failures == 1 {
				o.host.Logger().Warn("outbox: messages wait in the store", "store", o.store.Name(), "err", err)
			}
			pause = min(relayAway<<min(failures, 10), relayEvery)
			continue
		case failures > 0:
			o.host.Logger().Info("outbox: messages leave again", "store", o.store.Name(), "after_failures", failures)
			failures = 0
		}
		switch {
		case d.Done > 0 && d.Behind > 0:
			pause = 0
		case d.Busy && pause != relayAgain:
			pause = relayAgain // once
		default:
			pause = relayEvery*3/4 + rand.N(relayEvery/2)
		}
	}
}

// wait waits until there may be messages to publish. It returns false if ctx ends.
func (o *outbox) wait(ctx context.Context, pause time.Duration) bool {
	if pause == 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-o.wake:
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}

// pass publishes the pending messages once. The error says why nothing can be published at the
// moment.
func (o *outbox) pass(ctx context.Context) (store.Relayed, error) {
	var failed error
	d, err := o.store.Relay(ctx, store.Relay{Owner: o.owner, Except: o.exceptions()}, func(ctx context.Context, messages []store.Message) (done []int64) {
		ctx, cancel := context.WithTimeout(ctx, relayLimit)
		defer cancel()
		done, failed = o.publish(ctx, messages)
		return done
	})
	return d, errors.Join(err, failed)
}

// exceptions returns the lines that are on hold.
func (o *outbox) exceptions() (lines []string) {
	for line, h := range o.held {
		if time.Now().Before(h.until) {
			lines = append(lines, line)
		}
	}
	return lines
}

// A sending is the messages of one line, in order, and the results of publishing them.
type sending struct {
	messages []store.Message
	errs     []error
}

// publish publishes messages, all lines at the same time, and returns those that the broker has
// confirmed.
func (o *outbox) publish(ctx context.Context, messages []store.Message) (done []int64, failed error) {
	lines := map[string]*sending{}
	for _, m := range messages {
		s := lines[m.Line]
		if s == nil {
			s = new(sending)
			lines[m.Line] = s
		}
		s.messages = append(s.messages, m)
	}
	var sent sync.WaitGroup
	for _, s := range lines {
		sent.Go(func() { o.send(ctx, s) })
	}
	sent.Wait()
	for line, s := range lines {
		var first error
		for i, m := range s.messages {
			if err := s.errs[i]; err == nil {
				done = append(done, m.Seq)
			} else if first == nil {
				first = err
				failed = errors.Join(failed, o.judge(line, m, err))
			}
		}
		if first == nil {
			delete(o.held, line)
		}
	}
	return done, failed
}

// send publishes the messages of a line up to the first that cannot be sent. It does not wait for a
// confirm before it sends the next message, except if they are mandatory: the broker may return one
// message and still have a queue for the next.
func (o *outbox) send(ctx context.Context, s *sending) {
	s.errs = make([]error, len(s.messages))
	var confirmed sync.WaitGroup
	defer confirmed.Wait()
	for i, kept := range s.messages {
		m, err := unseal(kept.Properties)
		m.Exchange, m.Key, m.Body = kept.Exchange, kept.Key, kept.Body
		if err == nil && m.Mandatory {
			confirmed.Wait()
			if i > 0 && s.errs[i-1] != nil {
				err = errBehind
			}
		}
		if err == nil {
			confirmed.Add(1)
			if err = o.publisher.Send(ctx, m, func(err error) { s.errs[i] = err; confirmed.Done() }); err != nil {
				confirmed.Done()
			}
		}
		if err != nil {
			for k := i; k < len(s.messages); k++ {
				s.errs[k] = err
			}
			return
		}
	}
}

// errBehind is the error of a message that waits for an earlier one of its line.
var errBehind = errors.New("an earlier message was not published")

// judge puts a line on hold if the broker refuses its message, so that other lines continue. It
// returns err if nothing can be published at the moment.
func (o *outbox) judge(line string, m store.Message, err error) error {
	if errors.Is(err, transport.ErrConnectionLost) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	h := o.held[line]
	if h == nil {
		h = &hold{pause: heldFirst}
		o.held[line] = h
	} else {
		h.pause = min(2*h.pause, heldMost)
	}
	h.until = time.Now().Add(h.pause)
	o.host.Logger().Error("outbox: the broker refuses a message; it waits, and so do later ones with its key", "exchange", m.Exchange, "key", m.Key,
		"seq", m.Seq, "written", m.Created, "again", h.pause, "err", err)
	return nil
}
