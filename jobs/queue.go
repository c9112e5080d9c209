package jobs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/internal/clip"
	"github.com/gomeko/gomeko/internal/connection"
	"github.com/gomeko/gomeko/internal/headers"
	"github.com/gomeko/gomeko/internal/ticks"
	"github.com/gomeko/gomeko/jobs/store"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// These are the types of the messages without a job with which the sweeper wakes a worker: for a
// queued job, and for the hook of one that has ended. The body is the job's name.
const (
	nudgeType = "gomeko.jobs.nudge"
	hookType  = "gomeko.jobs.hook"
)

// A queue is the entrypoint of the rows of a service that share a queue. Its jobs are in the store.
// A message inserts its job there if it is missing, and wakes a group of rows.
type queue struct {
	process   *process
	service   string
	name      string
	topology  transport.Topology
	rows      map[string]*work    // by the jobs' names
	elsewhere map[string][]string // other queues that may have jobs of rows, and the jobs' names; set by process.tell
	resources bool                // some row has a resource
	alone     bool                // one job runs at a time in the fleet: the queue is that of a resource without a store
	shared    *group              // of the rows without max_workers, and of unknown names
	groups    []*group            // shared, and one for each row with max_workers
	carrier   *carrier            // serves the queue without a store; nil with one

	mark     *mark               // nil before Setup
	consumer *transport.Consumer // nil before Start
	stopping chan struct{}
	hooks    chan struct{} // holds a token if hooks may be due
	places   chan struct{} // holds a token for each running hook

	gate    sync.Mutex // held while the consumer is being paused or resumed
	reasons map[pause]bool

	outage sync.Mutex
	away   time.Time // since when the store has been unreachable; zero if it is reachable

	health health
}

// A pause is a reason why a queue is not consumed.
type pause struct {
	group   *group
	busy    bool // all workers are busy; if not set, the store is unreachable
	failing bool // a dependency fails; then there is no group
}

// add adds a row to its queue, and returns the queue.
func (p *process) add(w *work, key string) (service.Entrypoint, error) {
	name, alone := p.queueFor(w, key)
	for _, q := range p.queues {
		if other := q.rows[w.name]; q.service == w.Service && other != nil {
			return nil, fmt.Errorf("is called %s, as the row %s is: give one of them another name", w.name, other.Name)
		}
	}
	i := slices.IndexFunc(p.queues, func(q *queue) bool { return q.name == name })
	if i < 0 {
		i = len(p.queues)
		q := &queue{process: p, service: w.Service, name: name, alone: alone, rows: map[string]*work{}, stopping: make(chan struct{}), hooks: make(chan struct{}, 1), places: make(chan struct{}, hooksAtOnce), reasons: map[pause]bool{}}
		q.shared = newGroup(q, nil)
		q.groups = []*group{q.shared}
		if !p.cfg.hasStore() {
			var err error
			if q.carrier, err = newCarrier(q, w); err != nil {
				return nil, err
			}
		} else if err := connection.Planned(p.host, q.plan); err != nil {
			return nil, err
		}
		p.queues = append(p.queues, q)
	}
	q := p.queues[i]
	if q.service != w.Service {
		return nil, fmt.Errorf("queue %s is that of service %s: write another queue", name, q.service)
	}
	q.rows[w.name] = w
	if w.plan != nil && w.plan.Overlap == ticks.OverlapQueue {
		q.resources = true // the jobs of its ticks share a resource
	}
	switch {
	case w.Tag.Get("max_workers") != "":
		q.groups = append(q.groups, newGroup(q, w))
	case q.shared.row == nil:
		q.shared.row = w.Row
	}
	t := exchange()
	args := transport.Table{"x-queue-type": "quorum"}
	if alone {
		args["x-single-active-consumer"] = true
	}
	t.Queues = append(t.Queues, transport.Queue{Name: name, Durable: true, Kept: true, Unlimited: true, Args: args})
	t.Bindings = append(t.Bindings, transport.Binding{Queue: name, Exchange: exchangeName, Key: routingKey(w.Service, w.name)})
	declared, err := p.topology.Add(w.Service, w.Name, t, name, "")
	q.topology.Exchanges = declared.Exchanges
	q.topology.Queues = declared.Queues
	q.topology.Bindings = append(q.topology.Bindings, declared.Bindings...)
	if q.carrier != nil {
		return q.carrier, errors.Join(err, q.carrier.add(w))
	}
	return q, err
}

// plan returns what the queue uses on the broker. Wake-ups and outcomes are published to the
// default exchange.
func (q *queue) plan() connection.Plan {
	mark := markOf(q)
	return connection.Plan{
		By: "jobs of " + q.service, Topology: q.topology, Consumes: []string{q.name}, Writes: []string{exchangeName},
		Later: transport.Use{Topology: mark.topology, Consumes: []string{mark.name(), unroutedName}, Writes: []string{""}},
	}
}

// Setup declares the queue, and marks it with the id of the store.
func (q *queue) Setup(ctx context.Context) error {
	for _, g := range q.groups {
		g.choose()
	}
	if err := q.process.consuming.Conn().Declare(ctx, q.topology); err != nil {
		return err
	}
	q.mark = markOf(q)
	return q.mark.set(ctx)
}

// Start begins consuming, and looking for jobs in the store.
func (q *queue) Start(ctx context.Context) (err error) {
	q.consumer, err = q.process.consuming.Conn().Consume(ctx, transport.Consume{
		Queue:    q.name,
		Prefetch: q.workers(),
		Handle:   q.deliver,
	})
	if err != nil {
		return err
	}
	q.begin(ctx)
	for _, g := range q.groups {
		q.process.host.Go(g.run)
	}
	q.process.host.Go(q.runHooks)
	return nil
}

// workers returns how many jobs of the queue run at once.
func (q *queue) workers() int {
	n := 0
	for _, w := range q.rows {
		n = max(n, w.Workers())
	}
	return n
}

// Stop stops consuming and claiming. Running jobs continue.
func (q *queue) Stop(ctx context.Context) error {
	if q.consumer == nil {
		return nil
	}
	close(q.stopping)
	return q.consumer.Cancel(ctx)
}

// isStopping reports whether Stop was called.
func (q *queue) isStopping() bool {
	select {
	case <-q.stopping:
		return true
	default:
		return false
	}
}

// close sends the last acknowledgements.
func (q *queue) close(ctx context.Context) error {
	if q.consumer == nil {
		return q.mark.remove(ctx)
	}
	return errors.Join(q.consumer.Close(ctx), q.mark.remove(ctx))
}

// pause stops consuming, for the given reason.
func (q *queue) pause(ctx context.Context, why pause) {
	q.gate.Lock()
	defer q.gate.Unlock()
	if why.busy && !why.group.isWaiting() { // it has a worker again
		return
	}
	q.reasons[why] = true
	if len(q.reasons) > 1 || q.isStopping() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, pauseLimit)
	defer cancel()
	if err := q.consumer.Pause(ctx); err != nil {
		q.log().Warn("jobs: queue pauses later", "queue", q.name, "err", err)
	}
}

// setAway notes whether the store is unreachable.
func (q *queue) setAway(on bool) {
	q.outage.Lock()
	defer q.outage.Unlock()
	switch {
	case !on:
		q.away = time.Time{}
	case q.away.IsZero():
		q.away = time.Now()
	}
}

// Pauses returns the rows that are paused because the store is unreachable or a dependency of their
// service fails. It implements [service.Pauser].
func (p *process) Pauses() (all []service.Pause) {
	for _, q := range p.queues {
		reasons, since := q.health.now()
		q.outage.Lock()
		away := q.away
		q.outage.Unlock()
		if !away.IsZero() {
			if len(reasons) == 0 || away.Before(since) {
				since = away
			}
			reasons = append(reasons, "the store does not answer")
		}
		for _, w := range q.rows {
			if len(reasons) > 0 {
				all = append(all, service.Pause{Service: q.service, Row: w.Name, Queue: q.name, Reasons: slices.Clone(reasons), Since: since})
			}
		}
	}
	slices.SortFunc(all, func(a, b service.Pause) int { return cmp.Compare(a.Service+"."+a.Row, b.Service+"."+b.Row) })
	return all
}

const pauseLimit = 10 * time.Second

// resume removes a reason, and consumes again if it was the last.
func (q *queue) resume(why pause) {
	q.gate.Lock()
	defer q.gate.Unlock()
	if !q.reasons[why] {
		return
	}
	delete(q.reasons, why)
	if len(q.reasons) == 0 {
		q.consumer.Resume()
	}
}

// group returns the group that runs the jobs of a name.
func (q *queue) group(name string) *group {
	for _, g := range q.groups[1:] {
		if g.only.name == name {
			return g
		}
	}
	return q.shared
}

// A message is a delivery that brings a job, or a nudge for one.
type message struct {
	*transport.Delivery
	id, name string // of its job; id is "" for a nudge
}

// deliver handles a delivery of the queue.
func (q *queue) deliver(d *transport.Delivery) {
	q.compare(d)
	switch d.Type {
	case hookType:
		d.Ack() // the job is in the store, and the sweeper sends another message
		q.wakeHooks()
		return
	case nudgeType:
		q.group(string(d.Body)).add(message{d, "", string(d.Body)})
		return
	}
	m, err := q.identify(d)
	if err != nil {
		q.drop(d, err)
		return
	}
	q.group(m.name).add(m)
}

// compare checks whether a message that wakes a worker comes from a process with another store. If
// so, jobs of that store are announced to workers that do not have them.
func (q *queue) compare(d *transport.Delivery) {
	theirs, _ := d.Headers[storeHeader].(string)
	ours := q.process.storeID
	if theirs == "" || theirs == ours {
		return
	}
	if _, known := q.process.others.LoadOrStore(theirs, true); known {
		return
	}
	q.log().Error("jobs: another worker of this queue has another store: jobs of one wait for workers of the other. "+
		"Give all workers the same store; on several hosts, use PostgreSQL", "queue", q.name, "ours", q.process.store.Name(), "id", ours, "their_id", theirs)
}

// wakeHooks notes that hooks may be due.
func (q *queue) wakeHooks() {
	select {
	case q.hooks <- struct{}{}:
	default:
	}
}

// identify reads the id and the name of a message's job.
func (q *queue) identify(d *transport.Delivery) (message, error) {
	conn := q.process.consuming.Conn()
	b := codec.NewBudget(q.process.host.Context(), conn.MaxDecoded())
	defer b.Close()
	id, name, err := identify(d, q.service, conn.Accepts(), conn.MaxMessage(), b)
	return message{d, id, name}, err
}

// jobOf identifies the job of a delivery, and returns its row.
func (q *queue) jobOf(d *transport.Delivery) (*store.New, error) {
	m, err := q.identify(d)
	if err != nil {
		return nil, err
	}
	return q.rowOf(m)
}

// rowOf returns the row for a message's job.
func (q *queue) rowOf(m message) (*store.New, error) {
	conn := q.process.consuming.Conn()
	b := codec.NewBudget(q.process.host.Context(), conn.MaxDecoded())
	defer b.Close()
	d := m.Delivery
	at, err := runAt(d.Headers)
	if err != nil {
		return nil, err
	}
	carried := make(transport.Table, len(d.Headers))
	for key, value := range d.Headers {
		if key != runAtHeader && key != unknownHeader && key != compressionHeader {
			carried[key] = value
		}
	}
	text, err := encodeHeaders(carried)
	if err != nil {
		return nil, err
	}
	body, err := plain(d, conn, b)
	if err != nil {
		return nil, err
	}
	job := &store.New{
		ID: m.id, Service: q.service, Name: m.name, Queue: q.name, Priority: int(d.Priority), Payload: body, ContentType: d.ContentType,
		Headers: text, ReplyTo: d.ReplyTo, CorrelationID: d.CorrelationID, At: at, Nudged: true,
	}
	return job, job.Check() // the store would reject all others of the statement with it
}

// drop acknowledges a message that is not a job.
func (q *queue) drop(d *transport.Delivery, err error) {
	q.report(d, err)
	d.Ack()
}

// report logs that a message was dropped.
func (q *queue) report(d *transport.Delivery, err error) {
	body := strconv.Quote(string(d.Body[:min(len(d.Body), 200)]))
	for _, w := range q.rows {
		if w.Sensitive() {
			body = service.Redacted
		}
	}
	q.log().With(headers.LogAttrs(d)...).Error("message dropped: it is not a job", "queue", q.name, "key", d.Key, "message_id", d.MessageID, "err", clip.Error(err), "body", body)
}
