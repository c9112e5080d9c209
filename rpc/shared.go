package rpc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"

	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// shared is what the rows and clients of one container have in common: the connection, a server for each
// service, and the caller.
type shared struct {
	host    *service.Host
	broker  transport.Config
	cfg     Config
	log     *slog.Logger
	servers map[string]*server
	cancels *cancels
	caller  *caller // nil if the container has no clients
	conn    *transport.Conn
}

func newShared(host *service.Host) (*shared, error) {
	broker, ok := service.Lookup[transport.Config](host)
	if !ok {
		return nil, errors.New("no broker is configured: add service.Configure(transport.Config{URI: …}) to the services")
	}
	cfg, _ := service.Lookup[Config](host)
	broker.Logger = cmp.Or(broker.Logger, host.Logger())
	return &shared{
		host:    host,
		broker:  broker,
		cfg:     cfg,
		log:     host.Logger(),
		servers: map[string]*server{},
		cancels: newCancels(host.Logger()),
	}, nil
}

// serve adds a method to the server of the row's service.
func (sh *shared) serve(method string, r *row) (*server, error) {
	s := sh.servers[r.Service]
	if s == nil {
		s = &server{shared: sh, service: r.Service, methods: map[string]*row{}}
		sh.servers[r.Service] = s
	}
	if other := s.methods[method]; other != nil {
		return nil, fmt.Errorf("method %q is taken by the row %s: give one of them another name", method, other.Name)
	}
	s.methods[method] = r
	return s, nil
}

// client returns the caller that all clients of the container use.
func (sh *shared) client() *caller {
	if sh.caller == nil {
		sh.caller = newCaller(sh.broker, sh.cfg, sh.log)
		sh.caller.waiting = func(ctx context.Context, service string) {
			if s := sh.servers[service]; s != nil {
				s.consumers.help(ctx)
			}
		}
	}
	return sh.caller
}

// Setup connects to the broker.
func (sh *shared) Setup(ctx context.Context) error {
	name := sh.host.Names()[0]
	if sh.broker.Name == "" {
		machine, _ := os.Hostname()
		sh.broker.Name = fmt.Sprintf("%s@%s/%d", name, cmp.Or(machine, "localhost"), os.Getpid())
	}
	conn, err := transport.Dial(ctx, sh.broker)
	if err != nil {
		return err
	}
	sh.conn = conn
	return nil
}

// Start opens the reply queue, so that clients can call, and the queue of cancellations.
func (sh *shared) Start(ctx context.Context) error {
	if len(sh.servers) > 0 {
		if err := sh.cancels.open(ctx, sh.conn, slices.Sorted(maps.Keys(sh.servers))); err != nil {
			return err
		}
	}
	if sh.caller == nil {
		return nil
	}
	return sh.caller.open(ctx, sh.conn, sh.host.Names()[0])
}

// Stop closes the connection. It is called when all calls have ended.
func (sh *shared) Stop(ctx context.Context) error {
	if sh.conn == nil {
		return nil
	}
	var errs []error
	for _, s := range sh.servers {
		errs = append(errs, s.consumers.close(ctx))
	}
	errs = append(errs, sh.cancels.close(ctx))
	if sh.caller != nil {
		errs = append(errs, sh.caller.close(ctx))
	}
	return errors.Join(append(errs, sh.conn.Close(ctx))...)
}

// Kill cuts the connection.
func (sh *shared) Kill() {
	if sh.conn == nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	sh.conn.Close(ctx)
}
