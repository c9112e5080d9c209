package rpc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/gomeko/gomeko/internal/connection"
	"github.com/gomeko/gomeko/internal/control"
	"github.com/gomeko/gomeko/internal/nearest"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// shared is what the rows and clients of one container share: a server for each service, and the
// caller.
type shared struct {
	host       *service.Host
	connection *connection.Shared
	conn       *transport.Conn // nil before Setup
	cfg        Config
	log        *slog.Logger
	servers    map[string]*server
	control    *control.Queue
	cancels    *cancels
	streams    *streams      // nil if no row streams
	caller     *Caller       // nil if the container has no clients
	expected   []expectation // what typed clients call
}

// An expectation is a method that a typed client calls, and that the service must have.
type expectation struct{ where, service, method string }

func newShared(host *service.Host) (*shared, error) {
	c, err := connection.Publishing(host)
	if err != nil {
		return nil, err
	}
	queue, err := control.Open(host)
	if err != nil {
		return nil, err
	}
	cfg, _ := service.Lookup[Config](host)
	sh := &shared{
		host:       host,
		connection: c,
		cfg:        cfg,
		log:        host.Logger(),
		servers:    map[string]*server{},
		control:    queue,
		cancels:    newCancels(host.Logger()),
	}
	return sh, connection.Planned(host, sh.plan)
}

// plan returns what the clients and the streams of the container ask the broker for.
func (sh *shared) plan() connection.Plan {
	p := connection.Plan{By: "rpc"}
	add := func(t transport.Topology) {
		p.Topology = connection.Merge(p.Topology, t)
		p.Consumes, p.Writes = append(p.Consumes, t.Queues[0].Name), append(p.Writes, sh.cfg.exchange())
	}
	if sh.streams != nil {
		add(sh.streams.topology(streamKey()))
	}
	if c := sh.caller; c != nil {
		add(c.topology(replyQueue(sh.host.Names()[0], c.replyTo)))
		p.Topology = connection.Merge(p.Topology, control.Topology())
		p.Later.Writes = []string{control.Exchange} // cancellations
	}
	return p
}

// serve adds a method to the server of the row's service.
func (sh *shared) serve(method string, r *row) (*server, error) {
	s := sh.servers[r.Service]
	if s == nil {
		s = &server{shared: sh, service: r.Service, methods: map[string]*row{}}
		sh.servers[r.Service] = s
		sh.control.Receive(cancelKey(r.Service), sh.cancels.receive)
		if err := connection.Planned(sh.host, s.plan); err != nil {
			return nil, err
		}
		sh.receiveDirect(s)
	}
	if other := s.methods[method]; other != nil {
		return nil, fmt.Errorf("method %q is taken by the row %s: give one of them another name", method, other.Name)
	}
	s.methods[method] = r
	if (r.streams || r.uploads) && sh.streams == nil {
		sh.streams = &streams{shared: sh, senders: map[requestID]*sender{}, receivers: map[requestID]*receiver{}}
	}
	return s, nil
}

// client returns the caller that all clients of the container use.
func (sh *shared) client() *Caller {
	if sh.caller == nil {
		sh.caller = newCaller(sh.connection.Codec(), sh.cfg, sh.log)
		sh.caller.observers = sh.host.Observers()
		sh.caller.waiting = func(ctx context.Context, service string) {
			if s := sh.servers[service]; s != nil {
				s.consumers.help(ctx)
			}
		}
	}
	return sh.caller
}

// Check returns a mistake for each method that a typed client calls and that a service of this
// container lacks. Services in other processes are not checked.
func (sh *shared) Check(complete bool) error {
	if !complete || sh.cfg.Fakes {
		return nil
	}
	methods := map[string][]string{}
	for _, r := range sh.host.Rows() {
		if spec := r.Tag.Get("rpc"); spec != "" {
			name, _, _ := strings.Cut(spec, "(")
			methods[r.Service] = append(methods[r.Service], strings.TrimSpace(name))
		}
	}
	hosted := sh.host.Names()
	var mistakes []error
	for _, e := range sh.expected {
		of := methods[e.service]
		if !slices.Contains(hosted, e.service) || slices.Contains(of, e.method) {
			continue
		}
		remedy := "it has " + strings.Join(of, ", ")
		if near := nearest.Likely(e.method, of); near != "" {
			remedy = "did you mean " + near + "?"
		} else if len(of) == 0 {
			remedy = "it has no rpc.Method"
		}
		mistakes = append(mistakes, fmt.Errorf("%s: the service %s of this process has no method %s: %s", e.where, e.service, e.method, remedy))
	}
	return errors.Join(mistakes...)
}

// Setup takes the connection, which is open by now.
func (sh *shared) Setup(context.Context) error {
	sh.conn = sh.connection.Conn()
	return nil
}

// Start opens the reply queue, so that clients can call.
func (sh *shared) Start(ctx context.Context) error {
	if sh.streams != nil {
		if err := sh.streams.open(ctx); err != nil {
			return err
		}
	}
	if sh.caller == nil {
		return nil
	}
	return sh.caller.open(ctx, sh.conn, sh.host.Names()[0])
}

// Stop writes the last acknowledgements. It is called when all calls have ended and their replies
// are sent.
func (sh *shared) Stop(ctx context.Context) error {
	var errs []error
	for _, s := range sh.servers {
		errs = append(errs, s.consumers.close(ctx))
	}
	if sh.streams != nil {
		errs = append(errs, sh.streams.close(ctx))
	}
	if sh.caller != nil {
		errs = append(errs, sh.caller.Close(ctx))
	}
	return errors.Join(errs...)
}

// Kill does nothing: the connection is cut, and nothing more is acknowledged.
func (sh *shared) Kill() {}
