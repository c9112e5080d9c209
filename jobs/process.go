package jobs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/gomeko/gomeko/internal/connection"
	"github.com/gomeko/gomeko/internal/control"
	"github.com/gomeko/gomeko/internal/topology"
	"github.com/gomeko/gomeko/jobs/store"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// The defaults of [Config].
const (
	defaultLease  = time.Minute
	defaultDeaths = 3
	defaultKeep   = 7 * 24 * time.Hour
)

// errNoStore is the error of a configuration whose Open returned no store.
var errNoStore = errors.New("jobs.Config: Open has returned no store: return one, or leave Open out to run jobs without a store")

// A process is the state that the rows of a container share: the store, the connections, and the
// goroutines that renew leases, record outcomes and sweep. Without a store, it only looks for
// messages that arrived before the queues existed: see [carrier].
type process struct {
	host       *service.Host
	cfg        Config
	storage    *storage
	consuming  *connection.Shared
	publishing *connection.Shared
	topology   *topology.Registry
	machine    string // the name of this host
	queues     []*queue

	store   *store.Store // nil before Setup
	storeID string
	others  sync.Map // the ids of other stores that workers of these queues use
	leases  leases
	danger  danger
	ends    ends

	life       context.Context // of the goroutines below; nil before Start
	end        context.CancelFunc
	goroutines sync.WaitGroup
}

// processOf returns the process of a container, which it creates if necessary.
func processOf(host *service.Host) (*process, error) {
	return service.Shared(host, func(host *service.Host) (*process, error) {
		s, err := storageOf(host)
		if err != nil {
			return nil, err
		}
		p := &process{host: host, cfg: s.cfg, storage: s}
		p.machine, _ = os.Hostname()
		p.leases.init(p)
		p.danger.init(p)
		p.ends.init(p)
		var consuming, publishing, known error
		p.consuming, consuming = connection.Consuming(host)
		p.publishing, publishing = connection.Publishing(host)
		p.topology, known = topology.Of(host)
		host.WatchPauses(p.pauseFor)
		if s.cfg.hasStore() {
			control.Of(host).Info("jobs", func() any { return map[string]string{"store": p.store.Name(), "id": p.storeID} })
		}
		return p, cmp.Or(consuming, publishing, known, s.cfg.check())
	})
}

// check returns the mistakes in the configuration.
func (c Config) check() error {
	if c.Lease != 0 && c.Lease < time.Second {
		return errors.New("jobs.Config: Lease must be at least a second: it is renewed three times as often")
	}
	return nil
}

func (p *process) lease() time.Duration { return cmp.Or(p.cfg.Lease, defaultLease) }

// claim returns the part that all claims of a queue have in common.
func (p *process) claim(queue string, limit int) store.Claim {
	return store.Claim{Owner: p.host.Instance(), Host: p.machine, Queue: queue, Limit: limit, Lease: p.lease(), Deaths: p.danger.deaths}
}

// Check returns an error for each queue of which this process would run only some rows. It would
// receive messages for the other rows too, and they would wake nobody.
func (p *process) Check(bool) error {
	var mistakes []error
	for _, r := range p.host.Rows() {
		if r.Kind() != "jobs" || !r.LeftOut() {
			continue
		}
		for _, q := range p.queues {
			if q.rows[r.CallName()] == nil && queueName(r.Service, r.Tag.Get("queue")) == q.name {
				mistakes = append(mistakes, fmt.Errorf("service %s: %s: is left out, but other rows of its queue %s are run: run it too, or give it a queue of its own, as in queue:%q",
					r.Service, r.Name, q.name, r.CallName()))
			}
		}
	}
	return errors.Join(mistakes...)
}

// Setup checks the store.
func (p *process) Setup(ctx context.Context) (err error) {
	p.store = p.storage.store
	switch {
	case !p.cfg.hasStore():
		return nil
	case p.store == nil:
		return errNoStore
	}
	if err := p.store.Check(ctx); err != nil {
		return err
	}
	if p.storeID, err = p.store.ID(ctx); err != nil {
		return err
	}
	if err := p.tell(ctx); err != nil {
		return err
	}
	return p.say(ctx)
}

// Start starts the goroutines.
func (p *process) Start(context.Context) error {
	p.life, p.end = context.WithCancel(p.host.Context())
	p.goroutines.Go(func() { p.findUnrouted(p.life) })
	if p.store != nil {
		p.goroutines.Go(func() { p.leases.run(p.life) })
		p.goroutines.Go(func() { p.ends.run(p.life) })
		p.goroutines.Go(func() { p.sweep(p.life) })
		if beat := p.beat(p.life); beat != nil {
			p.goroutines.Go(func() { beat.Run(p.life) })
		}
	}
	return nil
}

// Stop ends the goroutines, and sends the last acknowledgements. It is called when every job has
// ended.
func (p *process) Stop(ctx context.Context) error {
	if p.end != nil {
		p.end()
		p.goroutines.Wait()
	}
	var errs []error
	for _, q := range p.queues {
		errs = append(errs, q.close(ctx))
	}
	return errors.Join(errs...)
}

// Kill ends the goroutines.
func (p *process) Kill() {
	if p.end != nil {
		p.end()
	}
}

// conn returns the connection for publishing.
func (p *process) conn() *transport.Conn { return p.publishing.Conn() }
