package jobs

import (
	"context"
	"time"

	"github.com/gomeko/gomeko/internal/clip"
	"github.com/gomeko/gomeko/internal/wait"
	"github.com/gomeko/gomeko/jobs/store"
	"github.com/gomeko/gomeko/service"
)

// A done hook that fails is called again after hookMin, then after twice as long each time, up to
// hookMax, and hookTries times in all.
const (
	hookMin, hookMax = time.Second, time.Minute
	hookTries        = 10
)

// hooksAtOnce limits how many hooks of a queue run at once that other workers have left, or whose
// jobs needed no worker. A process claims no more, since many jobs may be cancelled at once.
const hooksAtOnce = 20

// runHooks runs due hooks when the sweeper reports some, until the queue stops.
func (q *queue) runHooks(ctx context.Context) {
	for {
		select {
		case <-q.hooks:
			if !q.isFailing() { // heed asks again
				q.claimHooks(ctx)
			}
		case <-q.stopping:
			return
		}
	}
}

// claimHooks runs hooks of ended jobs that nobody has run, because their worker died or because the
// jobs were cancelled before they began.
func (q *queue) claimHooks(ctx context.Context) {
	p := q.process
	for {
		places := q.holdPlaces(ctx)
		if places == 0 {
			return
		}
		since := time.Now()
		limited, cancel := context.WithTimeout(ctx, p.lease()/3)
		c := p.claim(q.name, places)
		c.Except = q.strangers()
		claimed, err := p.store.ClaimHooks(limited, c)
		cancel()
		for range places - len(claimed) {
			<-q.places
		}
		if err != nil {
			q.log().Warn("jobs: hooks wait until the store answers", "queue", q.name, "err", err)
			return
		}
		for i := range claimed {
			j := &claimed[i]
			p.host.Go(func(ctx context.Context) {
				defer func() { <-q.places }()
				l := p.leases.hold(ctx, j, since)
				defer l.drop()
				p.follow(l, q.rows[j.Name], j)
			})
		}
		if len(claimed) < places {
			return
		}
	}
}

// holdPlaces waits for a place for a hook, then takes it and all others that are free. It returns
// their number, or 0 if the queue stops.
func (q *queue) holdPlaces(ctx context.Context) (n int) {
	select {
	case q.places <- struct{}{}:
	case <-q.stopping:
		return 0
	case <-ctx.Done():
		return 0
	}
	if q.isStopping() {
		<-q.places
		return 0
	}
	for n = 1; ; n++ {
		select {
		case q.places <- struct{}{}:
		default:
			return n
		}
	}
}

// follow acts on the end of a job: it sends the outcome to the queue that the job named, and calls
// the done hook of its row. w is nil if no row has the job's name.
func (p *process) follow(l *lease, w *work, j *store.Job) {
	o := OutcomeOf(j)
	if j.ReplyTo != "" && !p.reply(l.ctx, j, o) {
		return // the hook is due again when its lease is over
	}
	if w != nil && w.done != nil && !w.callDone(l, j, o) {
		return
	}
	for delay := awayMin; l.ctx.Err() == nil; delay = min(2*delay, awayMax) {
		err := p.store.HookRan(l.ctx, j.ID, p.host.Instance())
		if err == nil || l.ctx.Err() != nil {
			return
		}
		p.host.Logger().Warn("jobs: the hook of a job has run, which cannot be recorded yet", "job", j.ID, "err", err)
		if !wait.For(l.ctx, delay) {
			return
		}
	}
}

// replyLimit limits the publishing of an outcome.
const replyLimit = 30 * time.Second

// reply sends the outcome to the queue that the job named. It returns false if it must be sent
// again.
func (p *process) reply(ctx context.Context, j *store.Job, o Outcome) bool {
	m, err := o.reply(j.ReplyTo, j.CorrelationID)
	if err == nil {
		limited, cancel := context.WithTimeout(ctx, min(replyLimit, p.lease()))
		err = p.conn().Publish(limited, m)
		cancel()
	}
	if err == nil {
		return true
	}
	again := ctx.Err() != nil || !p.conn().Away().IsZero()
	p.host.Logger().Warn("the outcome of a job is not sent", "job", j.ID, "reply_to", j.ReplyTo, "err", clip.Error(err), "again", again)
	return !again
}

// callDone calls the done hook, and retries after an error. It returns false if another worker must
// call it.
func (w *work) callDone(l *lease, j *store.Job, o Outcome) bool {
	r, err := w.request(l.process, j)
	if err != nil {
		w.log(j).Error("the done hook of a job is not called", "err", err)
		return true
	}
	r.Input, r.ID, r.Cancelled, r.Leading = nil, "", nil, []any{o}
	r.Parents = append(r.Parents[:len(r.Parents):len(r.Parents)], w.CallID(j.ID))
	delay := hookMin
	for r.Attempt = 1; ; r.Attempt++ {
		_, err := w.done.Run(l.ctx, r)
		switch {
		case err == nil:
			return true
		case l.ctx.Err() != nil:
			return false
		case r.Attempt == hookTries || service.VerdictOf(err).Action != service.Retry:
			w.log(j).Error("the done hook of a job has failed and is not called again", "attempts", r.Attempt, "err", clip.Error(err))
			return true
		}
		if !wait.Unless(l.ctx, delay, w.Host.Stopping()) {
			return false
		}
		delay = min(2*delay, hookMax)
	}
}
