package messaging

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"reflect"

	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// A hub is what the rows and fields of one container share: a connection that consumes and one that publishes. They are
// two, for a broker that is short of memory reads no more from connections that publish: acknowledgements are to reach it
// all the same.
type hub struct {
	host    *service.Host
	broker  transport.Config
	log     *slog.Logger
	claims  []claim
	rows    []*subscriber
	outlets []*Outlet
	in, out *transport.Conn // nil before Setup, and if nobody needs it
}

func newHub(host *service.Host) (*hub, error) {
	broker, ok := service.Lookup[transport.Config](host)
	if !ok {
		return nil, errors.New("no broker is configured: put a transport.Config into service.Config.Values")
	}
	broker.Logger = cmp.Or(broker.Logger, host.Logger())
	return &hub{host: host, broker: broker, log: host.Logger()}, nil
}

// A claim is what a field declares.
type claim struct {
	service, field string
	transport.Topology
}

// claim adds what a field declares. Two may share a queue, as singletons of two services do, or an exchange, if they mean the same
// one: the broker would refuse the second.
func (h *hub) claim(service, field string, t transport.Topology) error {
	var mistakes []error
	for _, other := range h.claims {
		by := fmt.Sprintf("by %s of %s", other.field, other.service)
		for _, q := range t.Queues {
			for _, taken := range other.Queues {
				if taken.Name == q.Name && !reflect.DeepEqual(taken, q) {
					mistakes = append(mistakes, fmt.Errorf("queue %q is declared with other flags %s (%s; here %s): make them the same",
						q.Name, by, flagsOfQueue(taken), flagsOfQueue(q)))
				}
			}
		}
		for _, e := range t.Exchanges {
			for _, taken := range other.Exchanges {
				if taken.Name == e.Name && !reflect.DeepEqual(taken, e) {
					mistakes = append(mistakes, fmt.Errorf("exchange %q is declared otherwise %s (%s; here %s): make them the same",
						e.Name, by, flagsOfExchange(taken), flagsOfExchange(e)))
				}
			}
		}
	}
	h.claims = append(h.claims, claim{service, field, t})
	return errors.Join(mistakes...)
}

// flagsOfQueue spells what a declaration says of a queue.
func flagsOfQueue(q transport.Queue) string {
	return fmt.Sprintf("durable=%t auto_delete=%t exclusive=%t", q.Durable, q.AutoDelete, q.Exclusive) + spelled(q.Args)
}

func flagsOfExchange(e transport.Exchange) string {
	return fmt.Sprintf("kind=%s durable=%t auto_delete=%t", e.Kind, e.Durable, e.AutoDelete) + spelled(e.Args)
}

func spelled(args transport.Table) string {
	if len(args) == 0 {
		return ""
	}
	return fmt.Sprintf(" arguments=%v", args)
}

// Setup connects to the broker, and declares what is published to.
func (h *hub) Setup(ctx context.Context) (err error) {
	if h.broker.Name == "" {
		machine, _ := os.Hostname()
		h.broker.Name = fmt.Sprintf("%s@%s/%d", h.host.Names()[0], cmp.Or(machine, "localhost"), os.Getpid())
	}
	if len(h.rows) > 0 {
		if h.in, err = transport.Dial(ctx, h.broker); err != nil {
			return err
		}
	}
	if len(h.outlets) > 0 {
		if h.out, err = transport.Dial(ctx, h.broker); err != nil {
			return errors.Join(err, h.close(ctx))
		}
	}
	for _, o := range h.outlets {
		if err = o.open(ctx, h.out); err != nil {
			return errors.Join(err, h.close(ctx))
		}
	}
	return nil
}

// Start has nothing left to do.
func (h *hub) Start(context.Context) error { return nil }

// Stop closes the connections when the calls have ended and their acknowledgements have left.
func (h *hub) Stop(ctx context.Context) error {
	var errs []error
	for _, c := range h.rows {
		errs = append(errs, c.close(ctx))
	}
	return errors.Join(append(errs, h.close(ctx))...)
}

// Kill cuts the connections.
func (h *hub) Kill() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = h.close(ctx)
}

func (h *hub) close(ctx context.Context) error {
	var errs []error
	for _, conn := range []*transport.Conn{h.in, h.out} {
		if conn != nil {
			errs = append(errs, conn.Close(ctx))
		}
	}
	return errors.Join(errs...)
}
