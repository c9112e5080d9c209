//go:build unix

package runner

import (
	"cmp"
	"context"
	"errors"
	"net"
	"os"
	"os/signal"
	"syscall"

	"github.com/gomeko/gomeko/admin"
	"github.com/gomeko/gomeko/internal/supervisor"
)

// adminNetwork is the network name for the sockets of admin addresses, which are opened
// differently.
const adminNetwork = "admin"

// supervise keeps processes of a program running until a signal stops them. If lasting is set, it
// continues even when they cannot be started. It runs with in a goroutine, passing a function that
// replaces the processes; with returns when its ctx ends.
func (c *command) supervise(ctx context.Context, s *settings, program func() supervisor.Program, lasting bool, with func(ctx context.Context, roll func())) error {
	n := c.notices()
	cfg := supervisor.Config{
		Program: program, Procs: c.processes.procs, Respawn: c.processes.respawn, Lasting: lasting,
		Listen: listenFor, Grace: s.cfg.Grace + killTime, Watchdog: watchdogInterval(), Tell: n.tell,
		Ready: func() { n.notify("READY=1") },
	}
	var err error
	if c.processes.user != "" {
		if cfg.As, err = supervisor.LookUp(c.processes.user); err != nil {
			return usagef("--user: %w", err)
		}
		if os.Getuid() != 0 && int(cfg.As.UID) != os.Getuid() {
			return usagef("--user %s: only root can run processes as another user", c.processes.user)
		}
	}
	if c.broker == embeddedBroker {
		u := embeddedAt(cmp.Or(s.brokerURI(c.broker), defaultURI))
		host := newEmbedded(brokerOf(u), n)
		host.instead = "omit --broker embedded to use it"
		if err := host.listen(u.Host); err != nil {
			return err
		}
		defer host.stop()
		cfg.Broker = u.String()
	}
	ctx, kill, release := untilSignals(ctx, os.Interrupt, syscall.SIGTERM)
	defer release()
	sup := supervisor.New(cfg)
	ctx, hangUps := onHangUp(ctx, sup.Roll)
	defer hangUps()
	if with != nil {
		ended := make(chan struct{})
		inner, cancel := context.WithCancel(ctx)
		go func() {
			defer close(ended)
			with(inner, sup.Roll)
		}()
		defer func() {
			cancel()
			<-ended
		}()
	}
	defer n.watchdog()()
	err = sup.Run(ctx, kill)
	n.notify("STOPPING=1")
	if failure, ok := err.(*supervisor.Failure); ok && !failure.Begun && failure.Shown {
		return errShown // by the process
	}
	return err
}

// listenFor opens a socket that several processes share.
func listenFor(network, address string) (net.Listener, error) {
	if network == adminNetwork {
		return admin.Open(context.Background(), address)
	}
	return new(net.ListenConfig).Listen(context.Background(), network, address)
}

// onHangUp calls roll for each SIGHUP. If SIGHUP came because the terminal was closed, it ends the
// ctx instead.
func onHangUp(ctx context.Context, roll func()) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	onTerminal := hasTerminal()
	hangUps := make(chan os.Signal, 1)
	signal.Notify(hangUps, syscall.SIGHUP)
	go func() {
		for {
			select {
			case <-hangUps:
				if onTerminal && !hasTerminal() {
					cancel(errors.New("the terminal was closed"))
					return
				}
				roll()
			case <-ctx.Done():
				return
			}
		}
	}()
	return ctx, func() {
		signal.Stop(hangUps)
		cancel(nil)
	}
}

// hasTerminal reports whether this process has an open terminal.
func hasTerminal() bool {
	file, err := os.OpenFile("/dev/tty", os.O_RDONLY|syscall.O_NOCTTY, 0)
	if err != nil {
		return false
	}
	_ = file.Close()
	return true
}
