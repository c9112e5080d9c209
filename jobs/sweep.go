package jobs

import (
	"cmp"
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/gomeko/gomeko/jobs/store"
	"github.com/gomeko/gomeko/transport"
)

const (
	sweepEvery = time.Second
	nudgeLimit = 10 * time.Second // for the broker to confirm the messages of a sweep
	busyAgain  = 20 * time.Millisecond
	pruneEvery = time.Minute
	pruneBatch = 1000
)

// sweep sweeps the store about once a second, and when a job is due. In the fleet, one process
// sweeps at a time.
func (p *process) sweep(ctx context.Context) {
	away, pruned := false, time.Now()
	every := cmp.Or(p.cfg.times.sweep, sweepEvery)
	for pause := time.Duration(0); ; {
		rang, ok := p.storage.alarm.wait(ctx, pause)
		if !ok {
			return
		}
		limited, cancel := context.WithTimeout(ctx, p.lease())
		swept, err := p.store.Sweep(limited, store.Sweep{Deaths: max(0, cmp.Or(p.cfg.Deaths, defaultDeaths))})
		cancel()
		if ctx.Err() != nil {
			return
		}
		if (err != nil) != away {
			away = err != nil
			if away {
				p.host.Logger().Warn("jobs: the store cannot be swept", "err", err)
			}
		}
		for _, j := range swept.Suspects {
			p.host.Logger().Error("job failed: its workers died with it", "job", j.ID, "service", j.Service, "name", j.Name, "deaths", j.Deaths,
				"look", "gomeko jobs show "+j.ID)
		}
		p.nudge(ctx, swept.Nudge)
		p.adopt(ctx)
		if err == nil && !swept.Busy && p.keep() > 0 && time.Since(pruned) >= pruneEvery {
			pruned = time.Now()
			p.prune(ctx)
		}
		pause = every*3/4 + rand.N(every/2)
		switch {
		case swept.Next > 0:
			pause = min(pause, max(swept.Next, time.Millisecond))
		case swept.Busy && rang: // the other sweep may have begun before the job was due
			p.storage.alarm.in(busyAgain)
		}
	}
}

// keep returns how long jobs are kept; a negative time means forever.
func (p *process) keep() time.Duration { return cmp.Or(p.cfg.Keep, defaultKeep) }

// prune deletes jobs that ended longer ago than they are kept.
func (p *process) prune(ctx context.Context) {
	for {
		n, err := p.store.Prune(ctx, p.keep(), pruneBatch)
		if err != nil || n < pruneBatch {
			return
		}
	}
}

// nudge sends a message for each of the jobs to its queue. If the message is lost, or nobody has
// declared the queue, a later sweep sends it again.
func (p *process) nudge(ctx context.Context, jobs []store.Job) {
	if len(jobs) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, nudgeLimit)
	defer cancel()
	var sent sync.WaitGroup
	for _, j := range jobs {
		kind := nudgeType
		if j.State.Final() {
			kind = hookType
		}
		sent.Add(1)
		err := p.conn().Send(ctx, transport.Publishing{
			Key: j.Queue, Mandatory: true, Body: []byte(j.Name),
			Properties: transport.Properties{Type: kind, MessageID: j.ID, Persistent: true, ContentType: "text/plain", Headers: transport.Table{storeHeader: p.storeID}},
		}, func(err error) {
			defer sent.Done()
			if err != nil {
				p.host.Logger().Debug("jobs: no worker was woken", "job", j.ID, "queue", j.Queue, "err", err)
			}
		})
		if err != nil {
			sent.Done()
			if ctx.Err() == nil {
				p.host.Logger().Warn("jobs: no worker can be woken", "queue", j.Queue, "err", err)
			}
			break
		}
	}
	done := make(chan struct{})
	go func() { sent.Wait(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
	}
}
