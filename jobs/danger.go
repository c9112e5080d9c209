package jobs

import (
	"cmp"
	"context"
	"sync"
	"time"

	"github.com/gomeko/gomeko/jobs/store"
	"github.com/gomeko/gomeko/service"
)

// A danger makes sure that a process runs only one job at a time whose next death makes it a
// suspect. Otherwise a job that kills its workers would make suspects of all jobs that run beside
// it, because the jobs that a process has lost are claimed together again.
type danger struct {
	process *process
	deaths  int // of a job in danger; 0 if no job ever is

	mu   sync.Mutex
	runs bool // a job in danger runs
}

func (d *danger) init(p *process) {
	d.process = p
	if limit := cmp.Or(p.cfg.Deaths, defaultDeaths); limit > 1 {
		d.deaths = limit - 1
	}
}

// enter reports whether no job in danger was running, and marks one as running.
func (d *danger) enter() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.runs {
		return false
	}
	d.runs = true
	return true
}

// free reports whether no job in danger runs.
func (d *danger) free() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return !d.runs
}

// leave undoes enter, and wakes the groups, which may have another job in danger.
func (d *danger) leave() {
	d.mu.Lock()
	d.runs = false
	d.mu.Unlock()
	for _, q := range d.process.queues {
		for _, g := range q.groups {
			g.rouse()
		}
	}
}

// claimSuspect claims and starts a job in danger, if there may be one and none runs. It returns the
// remaining workers.
func (g *group) claimSuspect(ctx context.Context, held []*service.Reservation) ([]*service.Reservation, error) {
	p := g.queue.process
	if !g.mayClaimSuspect() || !p.danger.enter() {
		return held, nil
	}
	ctx, cancel := context.WithTimeout(ctx, p.lease()/3)
	defer cancel()
	c := p.claim(g.queue.name, 1)
	c.Names, c.Except = g.names, g.except
	since := time.Now()
	claimed, err := p.store.ClaimSuspects(ctx, c)
	if len(claimed) == 0 {
		g.setSuspects(err != nil)
		p.danger.leave()
		return held, err
	}
	g.start(&claimed[0], held[0], since)
	return held[1:], nil
}

// mayClaimSuspect reports whether the store may have a job in danger and none runs.
func (g *group) mayClaimSuspect() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.suspects && g.queue.process.danger.free()
}

// setSuspects says whether the store may have jobs in danger.
func (g *group) setSuspects(may bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.suspects = may && g.queue.process.danger.deaths > 0
}

// of returns the func that ends the danger of a started job.
func (d *danger) of(j *store.Job) (end func()) {
	if d.deaths == 0 || j.Deaths < d.deaths {
		return func() {}
	}
	return d.leave
}
