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

// A hub is what the rows and clients of one container share: the connection, a server for each service, and the caller.
type hub struct {
	host    *service.Host
	broker  transport.Config
	cfg     Config
	log     *slog.Logger
	servers map[string]*server
	cancels *cancels
	caller  *caller // nil if the container has no clients
	conn    *transport.Conn
}

func newHub(host *service.Host) (*hub, error) {
	broker, ok := service.Lookup[transport.Config](host)
	if !ok {
		return nil, errors.New("no broker is configured: put a transport.Config into service.Config.Values")
	}
	cfg, _ := service.Lookup[Config](host)
	broker.Logger = cmp.Or(broker.Logger, host.Logger())
	return &hub{host: host, broker: broker, cfg: cfg, log: host.Logger(), servers: map[string]*server{}, cancels: newCancels(host.Logger())}, nil
}

// serve adds a method to the server of the row's service.
func (h *hub) serve(method string, r *row) (*server, error) {
	s := h.servers[r.Service]
	if s == nil {
		s = &server{hub: h, service: r.Service, methods: map[string]*row{}}
		h.servers[r.Service] = s
	}
	if other := s.methods[method]; other != nil {
		return nil, fmt.Errorf("method %q is taken by the row %s: give one of them another name", method, other.Name)
	}
	s.methods[method] = r
	return s, nil
}

// client returns the caller that all clients share.
func (h *hub) client() *caller {
	if h.caller == nil {
		h.caller = newCaller(h.broker, h.cfg, h.log)
		h.caller.hosted = func(ctx context.Context, service string) {
			if s := h.servers[service]; s != nil {
				s.intake.help(ctx)
			}
		}
	}
	return h.caller
}

// Setup connects to the broker.
func (h *hub) Setup(ctx context.Context) error {
	name := h.host.Names()[0]
	if h.broker.Name == "" {
		machine, _ := os.Hostname()
		h.broker.Name = fmt.Sprintf("%s@%s/%d", name, cmp.Or(machine, "localhost"), os.Getpid())
	}
	conn, err := transport.Dial(ctx, h.broker)
	if err != nil {
		return err
	}
	h.conn = conn
	return nil
}

// Start opens the reply queue, so that calls can be made, and the one by which they are cancelled.
func (h *hub) Start(ctx context.Context) error {
	if len(h.servers) > 0 {
		if err := h.cancels.open(ctx, h.conn, slices.Sorted(maps.Keys(h.servers))); err != nil {
			return err
		}
	}
	if h.caller == nil {
		return nil
	}
	return h.caller.open(ctx, h.conn, h.host.Names()[0])
}

// Stop closes the connection when the calls have ended and their acknowledgements have left.
func (h *hub) Stop(ctx context.Context) error {
	if h.conn == nil {
		return nil
	}
	var errs []error
	for _, s := range h.servers {
		errs = append(errs, s.close(ctx))
	}
	errs = append(errs, h.cancels.close(ctx))
	if h.caller != nil {
		errs = append(errs, h.caller.close(ctx))
	}
	return errors.Join(append(errs, h.conn.Close(ctx))...)
}

// Kill cuts the connection.
func (h *hub) Kill() {
	if h.conn == nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	h.conn.Close(ctx)
}
