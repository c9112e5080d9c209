package runner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/admin"
	"github.com/gomeko/gomeko/fleet"
	"github.com/gomeko/gomeko/internal/isolate"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/web"
)

// startTime limits the start of the services, not counting the wait for their broker.
const startTime = time.Minute

// A process runs services, for [Run] and for the command line of [Main].
type process struct {
	*settings
	notices

	broker   string         // a URI, embeddedBroker, or "" for the configuration's
	only     []string       // the rows to run; nil is all
	instance string         // the name of this process; "" for a new one
	level    *slog.LevelVar // of the log; nil if it cannot be changed
	args     []string       // of the command line
	child    *isolate.Child // nil unless this process runs methods for another

	container *service.Container
	host      *embedded   // nil unless the process hosts its broker
	uri       string      // of the broker
	shown     string      // uri without its password
	routes    string      // the URL of the HTTP routes, "" without any
	dialed    atomic.Bool // a service uses the broker; services that only have timers do not
}

// run runs the services of opts until a service fails or the application shuts down, or until ctx
// ends, which stops them in order. Closing kill ends them at once.
func (p *process) run(ctx context.Context, kill <-chan struct{}, opts []fx.Option) error {
	if err := p.bind(opts); err != nil {
		return err
	}
	closeAdmin, err := p.openAdmin(ctx)
	if err != nil {
		return err
	}
	defer closeAdmin()
	if p.host != nil {
		if err := p.host.listen(embeddedAt(p.uri).Host); err != nil {
			return err
		}
		defer p.host.stop()
	}
	if err := p.start(ctx, kill); err != nil {
		return err
	}
	defer p.watchdog()()
	select {
	case <-ctx.Done():
	case <-p.container.Stopping():
	}
	return p.stop(ctx, kill)
}

// bind creates the container. It reports all mistakes of all services.
func (p *process) bind(opts []fx.Option) (err error) {
	p.uri = cmp.Or(p.brokerURI(p.broker), defaultURI)
	broker := p.transport(p.uri)
	broker.Logger, broker.Wait = p.log, p.cfg.WaitForBroker
	if p.broker == embeddedBroker {
		u := embeddedAt(p.uri)
		p.uri, p.host = u.String(), newEmbedded(brokerOf(u), p.notices)
		p.host.instead = "omit --broker embedded to use it"
		if p.lines == nil {
			p.host.instead = "set Config.Broker to its URI to use it"
		}
		broker.URI = p.uri
		broker.Dial = func(ctx context.Context, _ string) (net.Conn, error) { return p.host.Dial(ctx) }
	} else if err := p.login(&broker); err != nil {
		return err
	}
	p.shown = broker.String()
	broker.Dial = p.dial(broker.Dial)
	jobs, err := p.jobs(p.embedded())
	if err != nil {
		return err
	}
	guard, err := p.guard()
	if err != nil {
		return err
	}
	loaded := len(p.cfg.Warnings)
	p.container, err = service.New(service.Config{
		MaxWorkers:         p.cfg.MaxWorkers,
		MaxLent:            p.cfg.MaxLent,
		Lenient:            p.cfg.Lenient,
		ParentCallsTracked: cmp.Or(p.cfg.ParentCallsTracked, -1), // 0 means none in Nameko
		Grace:              p.cfg.Grace,
		MaxStuck:           p.cfg.MaxStuck,
		HealthInterval:     p.cfg.HealthInterval,
		HealthTimeout:      p.cfg.HealthTimeout,
		PauseUnhealthy:     p.cfg.PauseUnhealthy,
		Instance:           p.instance,
		Only:               p.only,
		Logger:             p.log,
	}, p.cfg.Module(), fx.Options(opts...), service.Defaults(broker, p.rpc(), p.events(), p.webConfig(), p.messaging(), jobs, fleet.Timers(), fleet.Hub(), fleet.HTTP()), guard,
		service.Configure(p.extensions()...))
	if p.child == nil {
		p.warn(p.cfg.Warnings[loaded:]) // about keys that the services read
	}
	if err == nil {
		err = checkOnly(p.container.Rows())
	}
	if err == nil && len(p.container.Names()) == 0 {
		err = errors.New("application: no services: pass a module with service.Provide(new(Orders)) in it")
	}
	return err
}

// extensions returns the extensions that belong to no row or field.
func (p *process) extensions() []service.Extension {
	if p.child != nil {
		return []service.Extension{func(*service.Host) error { return nil }}
	}
	return []service.Extension{web.ServeReady, admin.Serve, fleet.Control(p.control()), p.isolation()}
}

// embedded reports whether this process or its parent hosts the broker.
func (p *process) embedded() bool {
	return p.broker == embeddedBroker || p.parent != nil && p.parent.Broker != "" || p.child != nil && p.child.Broker != ""
}

// control returns what the process answers over the broker. An embedded broker is for development,
// and everybody who can reach it may do everything anyway.
func (p *process) control() fleet.ControlConfig {
	access := fleet.Access(p.cfg.Control)
	if access == "" && p.embedded() {
		access = fleet.AccessFull
	}
	return fleet.ControlConfig{
		Access: access, Version: cmp.Or(p.cfg.Version, stamp), Level: p.level,
		ReadyGrace: p.web.ReadyGrace, URL: func() string { return p.routes },
	}
}

// dial wraps the Dial of a transport.Config to record that it was called.
func (p *process) dial(dial func(context.Context, string) (net.Conn, error)) func(context.Context, string) (net.Conn, error) {
	return func(ctx context.Context, address string) (net.Conn, error) {
		p.dialed.Store(true)
		if dial == nil {
			return new(net.Dialer).DialContext(ctx, "tcp", address)
		}
		return dial(ctx, address)
	}
}

// start starts the services and reports when they are ready.
func (p *process) start(ctx context.Context, kill <-chan struct{}) error {
	began, names := time.Now(), p.container.Names()
	p.tell("starting services: "+strings.Join(names, ", "), "starting", "services", names)
	limited, cancel := context.WithTimeout(ctx, startTime+p.cfg.WaitForBroker)
	defer cancel()
	started := make(chan error, 1)
	go func() { started <- p.container.Start(limited) }()
	select {
	case err := <-started:
		switch {
		case err != nil && ctx.Err() != nil:
			return fmt.Errorf("stopped while starting: %w", err)
		case err != nil:
			return reason(err)
		}
	case <-kill:
		p.container.Kill() // do not wait for a start that ignores its context
		return errKilled
	}
	ready := []any{"services", names, "duration", time.Since(began)}
	if p.dialed.Load() {
		p.line("Connected to %s", p.shown)
		ready = append(ready, "broker", p.shown)
	}
	if p.routes != "" {
		p.line("Listening on %s", p.routes)
		ready = append(ready, "url", p.routes)
	}
	p.log.Info("ready", ready...)
	p.notify("READY=1", "STATUS=serving "+strings.Join(names, ", "))
	return nil
}

// errKilled is the error of a process that received a second signal.
var errKilled = errors.New("killed by a second signal: unfinished calls go back to the broker")

// stop waits until the services have stopped, and returns the reason. If ctx has ended, it stops
// them within the grace period; otherwise they are already stopping.
func (p *process) stop(ctx context.Context, kill <-chan struct{}) error {
	names := p.container.Names()
	p.tell("stopping services: "+strings.Join(names, ", "), "stopping", "services", names)
	p.notify("STOPPING=1", "STATUS=stopping "+strings.Join(names, ", "))
	ended := make(chan error, 1)
	go func() {
		var err error
		if ctx.Err() != nil {
			grace, cancel := context.WithTimeout(context.Background(), p.cfg.Grace)
			defer cancel()
			err = p.container.Stop(grace)
		}
		ended <- errors.Join(err, reason(p.container.Wait()))
	}()
	select {
	case err := <-ended:
		return err
	case <-kill:
		p.container.Kill()
		<-ended //nolint:errcheck // Kill has logged how many calls were cut off
		return errKilled
	}
}

// reason returns nil if the application requested the shutdown with exit code 0.
func reason(err error) error {
	if asked, ok := err.(*service.ShutdownError); ok && asked.ExitCode == 0 {
		return nil
	}
	return err
}
