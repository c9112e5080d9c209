package jobs

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/gomeko/gomeko/internal/wait"
	"github.com/gomeko/gomeko/jobs/store"
	"github.com/gomeko/gomeko/rpc/rpcerror"
	"github.com/gomeko/gomeko/service"
)

const (
	// patience is how long a message waits in a process that has no free worker.
	patience = 200 * time.Millisecond

	// awayMin and awayMax bound the time between two queries to a store that does not answer.
	awayMin, awayMax = 250 * time.Millisecond, 5 * time.Second

	// claimedAtOnce limits how many jobs one statement claims.
	claimedAtOnce = 200
)

// A group claims the jobs of rows that share their workers: those of a queue without max_workers,
// or of one row with it. It reserves a free worker before it claims, so that no job waits in a busy
// process while another process is idle.
type group struct {
	queue *queue
	only  *work        // the row that has max_workers; nil in the shared group
	row   *service.Row // whose workers the jobs use; nil if the shared group has only unknown names

	names, except []string // of the jobs, as in a claim

	mu       sync.Mutex
	messages []message
	more     bool // the store may have jobs without messages
	suspects bool // the store may have jobs in danger
	waiting  bool // for a worker
	wake     chan struct{}
	hasty    *time.Timer // fires when messages have waited for patience

	expected int    // the jobs of the last claim or insertion; if there may be more, twice as many are claimed
	recent   recent // the jobs that were claimed lately
}

func newGroup(q *queue, only *work) *group {
	g := &group{queue: q, only: only, more: true, wake: make(chan struct{}, 1)}
	if only != nil {
		g.row, g.names = only.Row, []string{only.name}
	}
	return g
}

// choose sets the names that the shared group does not claim: those of rows with max_workers, and
// of rows that this process does not run.
func (g *group) choose() {
	g.hasty = time.AfterFunc(time.Hour, func() { g.queue.process.host.Go(g.busy) })
	g.hasty.Stop()
	g.setSuspects(true)
	if g.only != nil {
		return
	}
	for _, r := range g.queue.process.host.Rows() {
		if r.Service == g.queue.service && r.Kind() == "jobs" && (g.queue.rows[r.CallName()] == nil || r.Tag.Get("max_workers") != "") {
			g.except = append(g.except, r.CallName())
		}
	}
}

// add adds a message.
func (g *group) add(m message) {
	g.mu.Lock()
	g.messages = append(g.messages, m)
	if m.id == "" { // a nudge, perhaps for a job whose worker died
		g.suspects = g.queue.process.danger.deaths > 0
	}
	if len(g.messages) == 1 {
		g.hasty.Reset(patience)
	}
	g.mu.Unlock()
	g.rouse()
}

// rouse wakes the group.
func (g *group) rouse() {
	select {
	case g.wake <- struct{}{}:
	default:
	}
}

// run claims jobs, until the queue stops.
func (g *group) run(ctx context.Context) {
	delay := awayMin
	for g.await() {
		held := g.reserve()
		if held == nil {
			break
		}
		if g.queue.isFailing() { // while the group waited for a worker
			release(held)
			g.setMore()
			continue
		}
		g.queue.resume(pause{group: g, busy: true})
		err := g.round(ctx, held)
		if err == nil {
			delay = awayMin
			g.queue.setAway(false)
			g.queue.resume(pause{group: g})
			continue
		}
		g.away(ctx, err, delay == awayMin)
		if !wait.Unless(ctx, delay, g.queue.stopping) {
			break
		}
		delay = min(2*delay, awayMax)
	}
	g.giveBack()
}

// await waits until there may be jobs and no dependency fails. It returns false if the queue stops.
func (g *group) await() bool {
	for {
		if g.queue.isStopping() {
			return false
		}
		g.mu.Lock()
		ready := g.more || len(g.messages) > 0
		g.mu.Unlock()
		if (ready || g.mayClaimSuspect()) && !g.queue.isFailing() {
			return true
		}
		select {
		case <-g.wake:
		case <-g.queue.stopping:
		}
	}
}

// reserve waits until there is room for outcomes, and reserves a first worker. It returns nil if
// the queue stops.
func (g *group) reserve() []*service.Reservation {
	g.setWaiting(true)
	defer g.setWaiting(false)
	if room := g.queue.process.ends.full(); room != nil {
		select {
		case <-room:
		case <-g.queue.stopping:
			return nil
		}
	}
	if g.row == nil {
		return []*service.Reservation{nil} // unknown names need none
	}
	v := g.row.Reserve(g.queue.stopping)
	if v == nil {
		return nil
	}
	return []*service.Reservation{v}
}

func (g *group) setWaiting(on bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.waiting = on
}

func (g *group) isWaiting() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.waiting
}

// take returns the messages, and whether there may be further jobs.
func (g *group) take() (messages []message, more bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	messages, more = g.messages, g.more
	g.messages, g.more = nil, false
	g.hasty.Stop()
	return messages, more
}

// setMore notes that the store may have further jobs.
func (g *group) setMore() {
	g.mu.Lock()
	g.more = true
	g.mu.Unlock()
	g.rouse()
}

// round inserts the jobs of messages with a priority, claims the best jobs, runs them, and settles
// the other messages. If enough workers are free, it claims at least one job more than there are
// messages, to find out whether the store has more.
func (g *group) round(ctx context.Context, held []*service.Reservation) error {
	held, err := g.claimSuspect(ctx, held)
	if err != nil {
		release(held)
		return err
	}
	if len(held) == 0 { // the messages wait for the next worker
		return nil
	}
	messages, more := g.take()
	want := len(messages) + 1
	if more {
		want = max(want, 2*g.expected)
	}
	held = g.reserveMore(held, min(want, claimedAtOnce))
	urgent, others := divide(messages)
	if err := g.settle(ctx, urgent); err != nil {
		release(held)
		g.keep(others)
		return err
	}
	since := time.Now()
	claimed, err := g.claim(ctx, len(held))
	if err != nil {
		release(held)
		g.keep(others)
		return err
	}
	for i := range claimed {
		g.start(&claimed[i], held[i], since)
	}
	release(held[len(claimed):])
	return g.settle(ctx, others)
}

// divide divides messages into those with a priority, whose jobs must be in the store before the
// best ones are claimed, and the others.
func divide(messages []message) (urgent, others []message) {
	for _, m := range messages {
		if m.Priority > 0 {
			urgent = append(urgent, m)
		} else {
			others = append(others, m)
		}
	}
	return urgent, others
}

// reserveMore reserves free workers until there are want, or none is free.
func (g *group) reserveMore(held []*service.Reservation, want int) []*service.Reservation {
	for len(held) < want {
		var v *service.Reservation
		if g.row != nil {
			if v = g.row.TryReserve(); v == nil {
				break
			}
		}
		held = append(held, v)
	}
	return held
}

func release(held []*service.Reservation) {
	for _, v := range held {
		v.Release()
	}
}

// claim claims at most limit jobs, and remembers their ids for settle.
func (g *group) claim(ctx context.Context, limit int) ([]store.Job, error) {
	ctx, cancel := context.WithTimeout(ctx, g.queue.process.lease()/3)
	defer cancel()
	c := g.queue.process.claim(g.queue.name, limit)
	c.Names, c.Except, c.Resources = g.names, g.except, g.queue.resources
	claimed, err := g.queue.process.store.Claim(ctx, c)
	if err != nil {
		return nil, err
	}
	if g.expected = len(claimed); len(claimed) == limit {
		g.setMore()
	}
	for _, j := range claimed {
		g.recent.add(j.ID)
	}
	return claimed, nil
}

// settle inserts the jobs of messages into the store, unless they are there already, and
// acknowledges the messages. It does not ask the store about jobs that the group claimed lately,
// because a claimed job has a row. After an error, it puts the other messages back.
func (g *group) settle(ctx context.Context, messages []message) error {
	if len(messages) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, g.queue.process.lease()/3)
	defer cancel()
	unknown := slices.DeleteFunc(slices.Clone(messages), func(m message) bool { return m.id == "" || g.recent.has(m.id) })
	jobs, unknown, err := g.read(ctx, unknown)
	added := 0
	if err == nil {
		added, err = g.insert(ctx, jobs, unknown)
	}
	for _, m := range messages {
		if err == nil || !slices.Contains(unknown, m) {
			m.Ack()
		}
	}
	if err != nil {
		g.keep(unknown)
		return err
	}
	if added > 0 {
		g.expected = max(g.expected, added)
		g.setMore()
	}
	return nil
}

// keep puts messages back after an error. The next round settles them, unless away or giveBack
// requeues them first.
func (g *group) keep(messages []message) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.messages, g.more = append(messages, g.messages...), true
}

// read returns the jobs of messages, and in from the message of each job. It leaves out nudges, and
// drops messages that are not jobs. If ctx ends meanwhile, it returns all messages and an error.
func (g *group) read(ctx context.Context, messages []message) (jobs []store.New, from []message, err error) {
	for _, m := range messages {
		if m.id == "" {
			continue
		}
		job, err := g.queue.rowOf(m)
		switch {
		case err == nil:
			jobs, from = append(jobs, *job), append(from, m)
		case ctx.Err() != nil: // which may be the reason
			return nil, messages, err
		default:
			g.queue.drop(m.Delivery, err)
		}
	}
	return jobs, from, nil
}

// insert inserts the jobs of messages into the store, unless they are there already. It returns how
// many it has added.
func (g *group) insert(ctx context.Context, jobs []store.New, from []message) (added int, err error) {
	if len(jobs) == 0 {
		return 0, nil
	}
	inserted, err := g.queue.process.insert(ctx, jobs)
	if store.Refused(err) {
		inserted, err = g.insertEach(ctx, jobs, from)
	}
	if err != nil {
		return 0, err
	}
	for _, x := range inserted {
		if x.Added {
			added++
		}
	}
	for _, n := range jobs {
		if d := time.Until(n.At); d > 0 { // the zero time is long ago
			g.queue.process.storage.alarm.in(d)
		}
	}
	if added < len(inserted) {
		err = g.queue.adopt(ctx) // it may have been enqueued for the queue of the service
	}
	return added, err
}

// insertEach inserts each job separately, because the database has rejected one of them. It drops
// the message of that job, which would otherwise keep all jobs from running.
func (g *group) insertEach(ctx context.Context, jobs []store.New, from []message) (all []store.Inserted, err error) {
	for i, n := range jobs {
		inserted, err := g.queue.process.insert(ctx, []store.New{n})
		switch {
		case store.Refused(err):
			g.queue.drop(from[i].Delivery, err)
		case err != nil:
			return nil, err
		}
		all = append(all, inserted...)
	}
	return all, nil
}

// busy is called when messages have waited in vain for a worker. It inserts their jobs into the
// store. Without max_workers, the process then stops consuming until it has a worker, and requeues
// the messages for other processes. With max_workers, it acknowledges them: the other rows of the
// queue continue, and a worker of the row claims the jobs when it is free.
func (g *group) busy(ctx context.Context) {
	if !g.isWaiting() {
		return
	}
	messages, _ := g.take()
	g.setMore()
	if len(messages) == 0 {
		return
	}
	limited, cancel := context.WithTimeout(ctx, g.queue.process.lease()/3)
	defer cancel()
	jobs, from, err := g.read(limited, messages)
	if err == nil {
		_, err = g.insert(limited, jobs, from)
	}
	if g.only == nil || err != nil {
		g.queue.pause(ctx, pause{group: g, busy: true})
	}
	for _, m := range messages {
		if g.only != nil && err == nil {
			m.Ack()
		} else {
			m.Reject(true)
		}
	}
}

// away pauses the queue because the store does not answer, and requeues the messages.
func (g *group) away(ctx context.Context, err error, first bool) {
	if g.queue.isStopping() {
		return
	}
	if first {
		g.queue.log().Warn("jobs: the store does not answer: messages wait in the queue", "queue", g.queue.name, "err", err)
	}
	g.queue.setAway(true)
	g.queue.pause(ctx, pause{group: g})
	g.giveBack()
	g.setMore()
}

// giveBack requeues the messages.
func (g *group) giveBack() {
	messages, _ := g.take()
	for _, m := range messages {
		m.Reject(true)
	}
}

// start runs a claimed job, or gives it back if the queue stops or a dependency of its service
// fails.
func (g *group) start(j *store.Job, v *service.Reservation, since time.Time) {
	p := g.queue.process
	w := g.queue.rows[j.Name]
	p.host.Go(func(ctx context.Context) {
		defer p.danger.of(j)()
		defer v.Release()
		l := p.leases.hold(ctx, j, since)
		defer l.drop()
		switch {
		case g.queue.isStopping() || g.queue.isFailing(): // since the claim
			p.ends.record(ctx, store.End{ID: j.ID, Owner: j.Owner, Attempt: j.Attempt, Resource: j.Resource, State: store.Queued})
		case w == nil:
			p.conclude(ctx, nil, l, j, g.unknown(j))
		default:
			switch current, err := p.isCurrent(l.ctx, j); {
			case current:
				w.perform(ctx, p, l, j, v)
			case err != nil:
				p.ends.record(ctx, store.End{ID: j.ID, Owner: j.Owner, Attempt: j.Attempt, Resource: j.Resource, State: store.Queued})
			}
		}
	})
}

// unknown returns the end of a job whose name no row has.
func (g *group) unknown(j *store.Job) store.End {
	times := g.queue.process.cfg.times
	again := cmp.Or(times.unknownAgain, unknownAgain)
	end := store.End{ID: j.ID, Owner: j.Owner, Attempt: j.Attempt, Resource: j.Resource, State: store.Scheduled, In: again}
	known := make([]string, 0, len(g.queue.rows))
	for name := range g.queue.rows {
		known = append(known, name)
	}
	slices.Sort(known)
	log := g.queue.log().With("job", j.ID, "name", j.Name, "queue", j.Queue)
	if j.Started.Sub(j.Created) < cmp.Or(times.unknownFor, unknownFor) {
		log.Warn("job waits: no row of this process has its name", "again", again, "known", known)
		return end
	}
	log.Error("job failed: no row has its name", "known", known)
	missing := rpcerror.ErrMethodNotFound.WithText(j.Name)
	end.State, end.Kind, end.ErrorType, end.Error = store.Failed, store.KindFault, missing.Path, missing.Value
	return end
}
