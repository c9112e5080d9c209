package fleet

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/gomeko/gomeko/timer"
	"github.com/gomeko/gomeko/transport"
)

// errLost is the cause that cancels a call's context when its process loses the token.
var errLost = errors.New("the connection to the broker was lost, and another process may have the timer's token")

// settle is how long a process that has received only empty tokens waits for a real one.
const settle = time.Second

// A term is the time during which this process holds the token. It is the [timer.Token] of a row's
// calls. It ends when the channel on which the token arrived is closed.
type term struct {
	*member
	lost <-chan struct{}
}

// leadOnce leads until the term ends, or until the row stops.
func (m *member) leadOnce(ctx context.Context) {
	m.mu.Lock()
	t := &term{m, m.lost}
	m.mu.Unlock()
	ctx, cancel := context.WithCancelCause(ctx)
	var keepers sync.WaitGroup
	defer keepers.Wait()
	defer cancel(nil)
	keepers.Go(func() {
		select {
		case <-t.lost:
			cancel(errLost)
		case <-ctx.Done():
		}
	})
	t.settle(ctx)
	if m.isStopped(ctx) {
		return
	}
	keepers.Go(func() { t.keep(ctx) })
	m.lead(ctx, t)
}

// settle waits for a token with a state, if there is one. The empty tokens of processes that have
// just started may arrive before it.
func (t *term) settle(ctx context.Context) {
	for after := time.After(settle); ; {
		t.mu.Lock()
		made := !t.token.Since.IsZero()
		t.mu.Unlock()
		if made {
			return
		}
		select {
		case <-t.changed:
		case <-after:
			return
		case <-t.stopped:
			return
		case <-ctx.Done():
			return
		}
	}
}

// State implements [timer.Token].
func (t *term) State() timer.State {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.token.state()
}

// Changed implements [timer.Token].
func (t *term) Changed() <-chan struct{} { return t.changed }

// Update publishes the changed token, and then acknowledges the tokens that it replaces.
func (t *term) Update(ctx context.Context, change func(*timer.State)) error {
	t.updating.Lock()
	defer t.updating.Unlock()
	t.mu.Lock()
	if t.member.lost != t.lost {
		t.mu.Unlock()
		return errLost
	}
	state := t.token.state()
	change(&state)
	next := t.token.set(state, t.holder, time.Now())
	replaced := slices.Clone(t.held)
	t.mu.Unlock()

	if err := t.publish(ctx, next); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.token = merge(t.token, next)
	if t.member.lost != t.lost {
		return errLost // the next holder merges what was published with the old token
	}
	acknowledge(replaced)
	t.held = slices.DeleteFunc(t.held, func(d *transport.Delivery) bool { return slices.Contains(replaced, d) })
	return nil
}

// keep obeys commands and publishes the token again at intervals, so that no delivery is held for
// long. It returns when ctx ends.
func (t *term) keep(ctx context.Context) {
	ticker := time.NewTicker(t.hold)
	defer ticker.Stop()
	for {
		t.mu.Lock()
		commands := t.commands
		t.commands = nil
		t.mu.Unlock()
		for _, d := range commands {
			t.obey(ctx, d)
		}
		select {
		case <-ticker.C:
			if t.Update(ctx, func(*timer.State) {}) != nil {
				return // ctx has ended
			}
		case <-t.ordered:
		case <-ctx.Done():
			return
		}
	}
}

// obey executes a command and answers it.
func (t *term) obey(ctx context.Context, d *transport.Delivery) {
	var c command
	err := decode(d, &c)
	change, known := changes[c.Command]
	if err != nil || !known {
		t.row.Logger().LogAttrs(ctx, slog.LevelWarn, "message dropped: it is not a command for a timer", slog.String("queue", t.queue), slog.Any("err", err))
		d.Ack()
		return
	}
	if c.Command != Show {
		t.row.Logger().LogAttrs(ctx, slog.LevelInfo, "timer command", slog.String("command", string(c.Command)))
		if t.Update(ctx, change) != nil {
			return // the broker redelivers the command to the next holder
		}
		signal(t.changed)
	}
	if d.ReplyTo != "" {
		t.answer(ctx, d)
	}
	d.Ack()
}

// answer tells the sender of a command the state of the timer. If the sender is gone, the answer is
// dropped.
func (t *term) answer(ctx context.Context, d *transport.Delivery) {
	state := t.State()
	about := Timer{
		Service: t.row.Service, Row: t.row.Name, Schedule: t.info.Schedule,
		Last: state.Last, Next: state.Next, Paused: state.Paused, Holder: t.holder,
	}
	if t.info.Zone != nil {
		about.Zone = t.info.Zone.String()
	}
	p, err := publishing(d.ReplyTo, "", about)
	if err == nil {
		p.Mandatory, p.CorrelationID = false, d.CorrelationID
		err = t.publishing.Conn().Publish(ctx, p)
	}
	if err != nil && ctx.Err() == nil {
		t.row.Logger().LogAttrs(ctx, slog.LevelWarn, "command is not answered", slog.Any("err", err))
	}
}
