package soak_test

import (
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gomeko/gomeko/broker"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/jobs"
	"github.com/gomeko/gomeko/jobs/store"
	"github.com/gomeko/gomeko/transport"
)

// Several processes run jobs, and one of them is killed each second. The broker and the database
// are stopped and killed, and the queue is purged. Each job must succeed. If a job has done its
// work twice, a worker must have died between the work and the record of it.
func TestSoakJobs(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		parallel(t)
		s, url := makeStore(t, "")
		node := brokertest.StartNode(t)
		soakJobs(t, &site{uri: node.URI(), broker: node, durable: true, store: s, url: url})
	})
	t.Run("postgres", func(t *testing.T) {
		parallel(t)
		database := hosttest.StartPostgres(t)
		s, url := makeStore(t, database.URL())
		node := brokertest.StartNode(t)
		soakJobs(t, &site{uri: node.URI(), broker: node, durable: true, database: database, store: s, url: url})
	})
	t.Run("sqlite and the embedded broker", func(t *testing.T) {
		parallel(t)
		s, url := makeStore(t, "")
		e := &embedded{t: t, addr: hosttest.FreeAddress(t)}
		e.Start()
		t.Cleanup(e.Stop)
		soakJobs(t, &site{uri: "amqp://guest:guest@" + e.addr + "/", broker: e, store: s, url: url})
	})
}

// parallel runs short tests in parallel. Long ones would compete for the processor.
func parallel(t *testing.T) {
	if !whole() {
		t.Parallel()
	}
}

// A server can be stopped, killed and started again.
type server interface {
	Stop()
	Kill()
	Start()
}

// An embedded is an embedded broker. It loses all queues when it ends.
type embedded struct {
	t    *testing.T
	addr string
	*broker.Broker
}

// Start starts a new broker on the address.
func (e *embedded) Start() {
	e.Broker = broker.New(broker.Config{Logger: slog.New(slog.DiscardHandler)})
	if _, err := e.Listen(e.addr); err != nil {
		e.t.Fatal(err)
	}
}

// Stop closes the broker and its connections.
func (e *embedded) Stop() {
	e.t.Helper()
	hosttest.Close(e.t, e.Close)
}

// Kill is the same as Stop, which does not keep anything either.
func (e *embedded) Kill() { e.Stop() }

// A site is an environment in which jobs run.
type site struct {
	uri      string
	broker   server
	durable  bool   // the broker keeps messages
	database server // nil if the database is a file
	store    *store.Store
	url      string
}

const (
	stopDatabase = "the database is stopped"
	killDatabase = "the database is killed"
)

// soakJobs runs the test.
func soakJobs(t *testing.T, at *site) {
	many, millis, processes, kills := 300, 1000, 3, 8
	what := []string{stopBroker}
	if at.database != nil {
		what = append(what, stopDatabase)
	}
	if whole() {
		many, millis, processes, kills = 10_000, 2000, 4, math.MaxInt
		what = []string{stopBroker, killBroker, stopBroker}
		if at.database != nil {
			what = append(what, stopDatabase, killDatabase, stopDatabase)
		}
	}
	chance := chance(t)
	l := newLabors(many)
	pool := make([]*process, processes)
	pool[0] = laborer(t, at.uri, "5s -1 "+at.url, l.tell)
	pool[0].wait() // until the queue exists
	pool[0].stop()
	began := make(chan struct{})
	var sending sync.WaitGroup
	sending.Go(func() { l.send(t, at, millis, began) })
	<-began
	begin := time.Now()
	for i := range pool {
		pool[i] = laborer(t, at.uri, "5s -1 "+at.url, l.tell)
	}
	kills = l.disturb(at, pool, chance, schedule(chance, many*4/5, what...), kills)
	sending.Wait()
	took := time.Since(begin)
	if ended := hosttest.Poll(func() (n int64, ok bool) { n = count(t, at.store); return n, n == int64(many) }); ended != int64(many) {
		t.Errorf("got %d of %d jobs succeeded", ended, many)
	}
	for _, p := range pool {
		p.wait()
		p.stop()
	}
	deaths, doubles := l.check(t, at.store)
	t.Logf("%d jobs, %.0f s, processes killed: %d, servers taken away: %d, messages purged: %d, enqueued again: %d, deaths: %d, lost: %d, done twice: %d, hooks twice: %d",
		many, took.Seconds(), kills, len(what), l.purged, l.again.Load(), deaths, len(l.lost()), doubles, l.hookedTwice())
}

// count returns the number of jobs that have succeeded.
func count(t *testing.T, s *store.Store) (n int64) {
	all, err := s.Counts(t.Context())
	if err != nil {
		t.Error(err)
	}
	for _, c := range all {
		if c.State == store.Succeeded {
			n += c.Jobs
		}
	}
	return n
}

// labors counts what jobs have reported.
type labors struct {
	many   int
	done   chan struct{} // closed when each job has worked and its hook has run
	again  atomic.Int64  // number of jobs that were enqueued again after an error
	purged int           // number of messages

	mu     sync.Mutex
	worked map[int][]int // the attempts that have done the work, by job
	hooked map[int]int
	wrong  []string
}

func newLabors(many int) *labors {
	return &labors{many: many, done: make(chan struct{}), worked: map[int][]int{}, hooked: map[int]int{}}
}

// tell handles a line from a process.
func (l *labors) tell(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := len(l.worked) + len(l.hooked)
	var id, attempt int
	if _, err := fmt.Sscanf(line, "worked %d %d", &id, &attempt); err == nil {
		l.worked[id] = append(l.worked[id], attempt)
	} else if _, err := fmt.Sscanf(line, "hooked %d", &id); err == nil {
		l.hooked[id]++
	} else {
		l.wrong = append(l.wrong, line)
	}
	if after := len(l.worked) + len(l.hooked); after != before && after == 2*l.many {
		close(l.done)
	}
}

// attempts returns how often a job has worked.
func (l *labors) attempts(id int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.worked[id])
}

// progress returns the number of jobs that have worked.
func (l *labors) progress() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.worked)
}

func (l *labors) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return fmt.Sprintf("worked %d, hooks %d, of %d", len(l.worked), len(l.hooked), l.many)
}

// lost returns the jobs that have not worked, or whose hook has not run.
func (l *labors) lost() (ids []int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id := range l.many {
		if len(l.worked[id]) == 0 || l.hooked[id] == 0 {
			ids = append(ids, id)
		}
	}
	return ids
}

// hookedTwice returns how many times a hook has run again.
func (l *labors) hookedTwice() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, times := range l.hooked {
		n += times - 1
	}
	return n
}

// send enqueues the jobs. The first quarter is in the queue when the queue is purged; began is
// closed then. If the broker keeps messages, the second half is published as messages without rows.
func (l *labors) send(t *testing.T, at *site, millis int, began chan<- struct{}) {
	start := sync.OnceFunc(func() { close(began) })
	defer start()
	ctx := t.Context()
	conn, err := transport.Dial(ctx, transport.Config{URI: at.uri, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Error(err)
		return
	}
	defer hosttest.Close(t, conn.Close)
	e, err := jobs.NewEnqueuer(ctx, conn, jobs.Config{Store: at.store})
	if err != nil {
		t.Error(err)
		return
	}
	defer hosttest.Close(t, e.Close)
	client := e.Client("labor")
	enqueue := func(id int) error {
		_, err := client.Enqueue(ctx, "work", id, rand.IntN(millis), jobs.ID(strconv.Itoa(id)))
		return err
	}
	l.each(t, 0, l.many/4, enqueue)
	if l.purged, err = brokertest.Channel(t, at.uri).QueuePurge("gomeko.jobs.labor", false); err != nil {
		t.Error(err)
	}
	start()
	l.each(t, l.many/4, l.many/2, enqueue)
	l.each(t, l.many/2, l.many, func(id int) error {
		if !at.durable {
			return enqueue(id)
		}
		return conn.Publish(ctx, transport.Publishing{
			Exchange: "gomeko.jobs", Key: "labor.work", Mandatory: true, Body: fmt.Appendf(nil, `{"args":[%d,%d],"kwargs":{}}`, id, rand.IntN(millis)),
			Properties: transport.Properties{ContentType: "application/json", MessageID: strconv.Itoa(id), Persistent: true},
		})
	})
}

// each calls f for each id in a range until it returns no error, several at a time.
func (l *labors) each(t *testing.T, from, to int, f func(id int) error) {
	var next atomic.Int64
	next.Store(int64(from))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for id := int(next.Add(1)) - 1; id < to; id = int(next.Add(1)) - 1 {
				err := hosttest.Poll(func() (error, bool) {
					err := f(id)
					if err != nil {
						l.again.Add(1)
					}
					return err, err == nil
				})
				if err != nil {
					t.Errorf("job %d is not enqueued: %v", id, err)
				}
			}
		})
	}
	wg.Wait()
}

// disturb kills a process each second until there were most kills, all jobs are done, or nothing
// has happened for too long. When the number of jobs that have worked reaches a step of the plan,
// it also stops or kills servers. It returns the number of processes it has killed.
func (l *labors) disturb(at *site, pool []*process, chance *rand.Rand, plan []happening, most int) (kills int) {
	second := time.NewTicker(time.Second)
	defer second.Stop()
	progress, since := 0, time.Now()
	for {
		select {
		case <-l.done:
			return kills
		case <-second.C:
		}
		if n := l.progress(); n > progress {
			progress, since = n, time.Now()
		}
		if time.Since(since) > hosttest.Timeout {
			return kills
		}
		if kills >= most && (len(plan) == 0 || plan[0].at > progress) {
			continue
		}
		p := pool[chance.IntN(len(pool))]
		if len(plan) == 0 || plan[0].at > progress {
			p.kill()
		} else {
			p.t.Logf("%s: %s", plan[0].what, l)
			s, end := at.broker, server.Stop
			if what := plan[0].what; what == stopDatabase || what == killDatabase {
				s = at.database
			}
			if what := plan[0].what; what == killBroker || what == killDatabase {
				end = server.Kill
			}
			end(s)
			p.kill()
			s.Start()
			plan = plan[1:]
		}
		kills++
		p.start()
	}
}

// check compares the reports of the jobs with their rows. It returns how many workers died with
// jobs, and how many times a job has worked again.
func (l *labors) check(t *testing.T, s *store.Store) (deaths, doubles int) {
	t.Helper()
	for _, line := range l.wrong {
		t.Errorf("a process reported %q", line)
	}
	if lost := l.lost(); len(lost) > 0 {
		t.Errorf("lost %d jobs: %d…", len(lost), lost[:min(len(lost), 20)])
	}
	for before, more := int64(0), true; more; {
		page, err := s.List(t.Context(), store.Filter{Before: before, Limit: 500})
		if err != nil {
			t.Fatal(err)
		}
		for _, j := range page {
			before = j.Seq
			deaths += j.Deaths
			if j.State != store.Succeeded || j.Hook == store.HookNone { // the end of a hook may be recorded later
				t.Errorf("job %s is %s and its hook %s, want succeeded with a hook: %+v", j.ID, j.State, j.Hook, j)
			}
			id, _ := strconv.Atoi(j.ID)
			if attempts := l.worked[id]; len(attempts) > 1 {
				doubles += len(attempts) - 1
				explain(t, s, j, attempts)
			}
		}
		more = len(page) > 0
	}
	return deaths, doubles
}

// explain checks that all attempts that have done a job's work, except for the recorded one, have
// lost their worker.
func explain(t *testing.T, s *store.Store, j store.Job, worked []int) {
	t.Helper()
	all, err := s.Attempts(t.Context(), j.ID)
	if err != nil {
		t.Fatal(err)
	}
	killed := map[int]bool{j.Attempt: true}
	for _, a := range all {
		killed[a.Number] = killed[a.Number] || a.Kind == store.KindKilled
	}
	for _, attempt := range worked {
		if !killed[attempt] {
			t.Errorf("job %s has done its work in attempt %d, of attempts %d; the history does not explain it: %+v", j.ID, attempt, worked, all)
		}
		killed[attempt] = false // the same attempt must not do it twice
	}
}
