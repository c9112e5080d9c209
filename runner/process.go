package runner

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/config"
	"github.com/gomeko/gomeko/service"
)

// startTime is what services have to start.
const startTime = time.Minute

// A process is a program of services while it runs.
type process struct {
	*command
	cfg       *config.Config
	uri       string
	shown     string // the broker, without its password
	container *service.Container
	web       string      // the URL of the routes, if there are any
	host      *embedded   // nil unless the program hosts its broker
	dialed    atomic.Bool // somebody uses the broker: a process of timers does not
	signals   chan os.Signal
}

// run runs the services of opts until a signal stops them or one of them fails.
func (c *command) run(ctx context.Context, opts []fx.Option) error {
	cfg, err := c.configuration()
	if err != nil {
		return err
	}
	p := &process{command: c, cfg: cfg, signals: make(chan os.Signal, 2)}
	signal.Notify(p.signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(p.signals)
	if err := p.bind(opts); err != nil {
		return err
	}
	if p.host != nil {
		if err := p.host.listen(embeddedAt(p.uri).Host); err != nil {
			return err
		}
		defer p.host.stop()
	}
	return p.live(ctx)
}

// bind makes the container, whose application may ask for the configuration. All mistakes of all services come out here.
func (p *process) bind(opts []fx.Option) (err error) {
	p.uri = cmp.Or(p.named(p.cfg), defaultURI)
	broker := transportConfig(p.uri, p.cfg)
	if p.broker == embeddedFlag {
		u := embeddedAt(p.uri)
		p.uri, p.host = u.String(), newEmbedded(u, p.err)
		broker.URI = p.uri
		broker.Dial = func(ctx context.Context, _ string) (net.Conn, error) { return p.host.Dial(ctx) }
	} else if err := secure(&broker, p.cfg); err != nil {
		return err
	}
	p.shown = broker.String()
	broker.Dial = p.dial(broker.Dial)
	p.container, err = service.New(service.Config{
		MaxWorkers:         p.cfg.MaxWorkers,
		MaxLent:            p.cfg.MaxLent,
		ParentCallsTracked: cmp.Or(p.cfg.ParentCallsTracked, -1), // 0 is none there, as in Nameko
		Grace:              p.cfg.Grace,
		Values:             []any{broker, rpcConfig(p.cfg), eventsConfig(p.cfg), p.webConfig()},
	}, p.cfg.Module(), fx.Options(opts...))
	if err == nil && len(p.container.Names()) == 0 {
		err = errors.New("application: no services; give runner.Main a module with service.Provide(new(Orders)) in it")
	}
	return err
}

// dial is a transport.Config's Dial that notes that it was called.
func (p *process) dial(dial func(context.Context, string) (net.Conn, error)) func(context.Context, string) (net.Conn, error) {
	return func(ctx context.Context, address string) (net.Conn, error) {
		p.dialed.Store(true)
		if dial == nil {
			return new(net.Dialer).DialContext(ctx, "tcp", address)
		}
		return dial(ctx, address)
	}
}

// live starts the services, waits for what ends them, and stops them.
func (p *process) live(ctx context.Context) error {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	started := make(chan error, 1)
	say(p.err, "starting services: %s", strings.Join(p.container.Names(), ", "))
	go func() { started <- p.container.Start(ctx) }()
	select {
	case err := <-started:
		if err != nil {
			return reason(err)
		}
	case <-p.signals:
		cancel()
		if err := <-started; err != nil {
			return errors.New("stopped while it was starting")
		}
		return p.stop(p.container.Stop)
	}
	p.ready(time.Since(began))

	select {
	case <-p.container.Stopping():
		return p.stop(nil)
	case <-p.signals:
		return p.stop(p.container.Stop)
	}
}

// ready says to people, to the log and to systemd that the services answer.
func (p *process) ready(took time.Duration) {
	names := p.container.Names()
	if p.dialed.Load() {
		say(p.err, "Connected to %s", p.shown)
	}
	if p.web != "" {
		say(p.err, "Listening on %s", p.web)
	}
	slog.Info("ready", "services", names, "duration", took)
	notify("READY=1", "STATUS=serving "+strings.Join(names, ", "))
}

// errKilled is the error of a process that got a second signal.
var errKilled = errors.New("killed by a second signal: calls that ran go back to the broker")

// oneSignal is the time in which two signals are one: a terminal, and a parent that sends its signals on, do it twice.
const oneSignal = 500 * time.Millisecond

// stop waits until the services have ended, within the grace, and returns why they did. A second signal kills them. by ends
// them; it is nil if they end by themselves.
func (p *process) stop(by func(context.Context) error) error {
	began := time.Now()
	names := strings.Join(p.container.Names(), ", ")
	say(p.err, "stopping services: %s", names)
	notify("STOPPING=1", "STATUS=stopping "+names)
	ctx, cancel := context.WithTimeout(context.Background(), p.cfg.Grace)
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		var err error
		if by != nil {
			err = by(ctx)
		}
		ended <- errors.Join(err, reason(p.container.Wait()))
	}()
	for {
		select {
		case err := <-ended:
			return err
		case <-p.signals:
			if time.Since(began) > oneSignal {
				p.container.Kill()
				<-ended // Kill ends at once, and what was cut off is logged
				return errKilled
			}
		}
	}
}

// reason is nil for what the application asked for with exit code 0.
func reason(err error) error {
	if asked, ok := err.(*service.ShutdownError); ok && asked.ExitCode == 0 {
		return nil
	}
	return err
}
