package timer

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/gomeko/gomeko/internal/ticks"
	"github.com/gomeko/gomeko/service"
)

// A ticker makes the calls of one row.
type ticker struct {
	row       *service.Row
	plan      ticks.Plan
	jitter    time.Duration // 0 is none
	eager     bool
	inFleet   bool // the row ticks once in the fleet
	takesTick bool // the method takes a Tick

	// serve is called at each tick instead of the method: see Serve.
	serve func(ctx context.Context, t Tick) error

	stopped chan struct{}
	delayed time.Time     // the tick that delay was chosen for
	delay   time.Duration // below jitter
	queue   chan Tick     // with ticks.OverlapQueue: ticks whose calls run one after the other
	calls   sync.WaitGroup
}

// Start implements [service.Entrypoint] for a row that ticks in each process.
func (t *ticker) Start(context.Context) error {
	own := new(ownToken)
	if !t.eager {
		own.state.Last = time.Now()
	}
	t.row.Go(func(ctx context.Context) { t.lead(ctx, own) })
	return nil
}

// Stop ends the ticks. The container waits for calls that are running.
func (t *ticker) Stop(context.Context) error {
	close(t.stopped)
	return nil
}

// lead calls the method at each tick, until Stop or the end of ctx. It returns when all calls have
// ended.
func (t *ticker) lead(ctx context.Context, token Token) {
	defer t.calls.Wait()
	if t.plan.Overlap == ticks.OverlapQueue {
		t.queue = make(chan Tick, ticks.Most)
		defer close(t.queue)
		t.calls.Go(func() { t.work(ctx) })
	}
	for t.step(ctx, token) {
	}
}

// step waits for the next tick and calls the method, or waits for a change of the state. It returns
// false when the ticks end.
func (t *ticker) step(ctx context.Context, token Token) bool {
	state, now := token.State(), time.Now()
	switch {
	case state.Asked:
		return t.tick(ctx, token, Tick{Nominal: now}, func(s *State) { s.Asked = false })
	case state.Paused:
		return t.wait(ctx, token, now.Add(time.Hour))
	case state.Last.IsZero() && !t.eager:
		return token.Update(ctx, t.called(now)) == nil
	case state.Last.IsZero():
		return t.tick(ctx, token, Tick{Nominal: now}, t.called(now))
	}
	at, skipped := t.plan.Due(state.Last, now)
	if t.delayed != at && t.jitter > 0 {
		t.delayed, t.delay = at, rand.N(t.jitter)
	}
	if due := at.Add(t.delay); due.After(now) {
		return t.wait(ctx, token, due)
	}
	if skipped > 0 {
		t.row.Logger().LogAttrs(ctx, slog.LevelWarn, "missed ticks skipped", slog.Int("skipped", skipped))
		t.row.Host.Observers().TicksMissed(t.row, skipped)
	}
	return t.tick(ctx, token, Tick{Nominal: at, Missed: skipped}, t.called(at))
}

// called returns a change of the state after a tick.
func (t *ticker) called(tick time.Time) func(*State) {
	return func(s *State) { s.Last, s.Next = tick, t.plan.Schedule.Next(tick) }
}

// tick calls the method and changes the state. The state changes last, so if the process dies
// meanwhile, another one calls the tick, unless calls of the row may overlap.
func (t *ticker) tick(ctx context.Context, token Token, due Tick, change func(*State)) bool {
	if t.isStopped(ctx) {
		return false
	}
	if t.serve != nil {
		due.Nominal, due.Actual = due.Nominal.Round(0), time.Now()
		if t.serve(ctx, due) != nil {
			return !t.isStopped(ctx)
		}
		return token.Update(ctx, change) == nil
	}
	if t.plan.Overlap == ticks.OverlapSkip {
		t.call(ctx, due)
		return token.Update(ctx, change) == nil
	}
	if token.Update(ctx, change) != nil {
		return false
	}
	if t.plan.Overlap == ticks.OverlapAllow {
		t.calls.Go(func() { t.call(ctx, due) })
		return true
	}
	select {
	case t.queue <- due:
	default:
		t.row.Logger().LogAttrs(ctx, slog.LevelError, "tick dropped: too many wait for the calls before them", slog.Time("tick", due.Nominal), slog.Int("waiting", len(t.queue)))
	}
	return true
}

// work is a goroutine that makes the calls of ticks.OverlapQueue.
func (t *ticker) work(ctx context.Context) {
	for tick := range t.queue {
		t.call(ctx, tick)
	}
}

// call calls the method.
func (t *ticker) call(ctx context.Context, tick Tick) {
	r := service.Request{}
	tick.Actual = time.Now()
	if t.inFleet {
		r.ID = tick.Nominal.UTC().Format(time.RFC3339Nano)
	} else {
		// The clock may have been set since the start: say what it shows now.
		tick.Nominal = tick.Actual.Add(tick.Nominal.Sub(tick.Actual))
	}
	if tick.Nominal = tick.Nominal.Round(0); t.takesTick {
		r.Leading = []any{tick}
	}
	_, _ = t.row.Run(ctx, r) // Run logs the error
}

// clockCheck is the longest time that a ticker sleeps, so that it notices when the clock was set.
const clockCheck = time.Minute

// wait returns true at the given time, after a minute, or when the state has changed, and false if
// the ticks end first.
func (t *ticker) wait(ctx context.Context, token Token, at time.Time) bool {
	timer := time.NewTimer(min(time.Until(at), clockCheck))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-token.Changed():
	case <-t.stopped:
	case <-ctx.Done():
	}
	return !t.isStopped(ctx)
}

func (t *ticker) isStopped(ctx context.Context) bool {
	select {
	case <-t.stopped:
		return true
	default:
		return ctx.Err() != nil
	}
}

// An ownToken is the token of a row that ticks in each process, which no other process wants.
type ownToken struct{ state State }

func (o *ownToken) State() State             { return o.state }
func (o *ownToken) Changed() <-chan struct{} { return nil }

func (o *ownToken) Update(ctx context.Context, change func(*State)) error {
	change(&o.state)
	return ctx.Err()
}

// entrypoint returns the entrypoint of the row: the ticker itself, or the member that makes it lead
// while this process holds the token.
func (t *ticker) entrypoint() (service.Entrypoint, error) {
	if !t.inFleet {
		t.stopped = make(chan struct{})
		return t, nil
	}
	return t.member()
}

// member returns the member that makes the ticker lead while this process holds the token of its
// row.
func (t *ticker) member() (Member, error) {
	t.stopped = make(chan struct{})
	join, ok := service.Lookup[Fleet](t.row.Host)
	if !ok || join == nil {
		return nil, errors.New("ticks once in the fleet, but no fleet is configured: add service.Configure(fleet.Timers()) to the services")
	}
	info := Info{Schedule: t.plan.Schedule.String()}
	if s, ok := t.plan.Schedule.(interface{ Zone() *time.Location }); ok {
		info.Zone = s.Zone()
	}
	member, err := join(t.row, info, t.lead)
	if err != nil {
		return nil, err
	}
	return &fleetTicker{member, t}, nil
}

// A fleetTicker stops its ticks before its process leaves the fleet.
type fleetTicker struct {
	Member
	ticker *ticker
}

// Stop implements [service.Entrypoint].
func (t *fleetTicker) Stop(ctx context.Context) error {
	close(t.ticker.stopped)
	return t.Member.Stop(ctx)
}
