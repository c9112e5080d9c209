package connection

import (
	"slices"

	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// A Plan lists what an extension of a container asks the broker for when the container starts.
type Plan struct {
	By       string // the requester in messages, such as "service orders"
	Topology transport.Topology
	Consumes []string // names of queues
	Writes   []string // names of exchanges to publish to; "" is the default exchange

	// Later lists what it may ask for while the container runs, such as queues for messages that
	// fail.
	Later transport.Use
}

// A planner holds the plans of a container.
type planner struct{ plans []func() Plan }

// Planned adds a plan to those of the container. plan is called when all rows and fields are known.
func Planned(host *service.Host, plan func() Plan) error {
	p, err := plannerOf(host)
	if err == nil {
		p.plans = append(p.plans, plan)
	}
	return err
}

// Plans returns what the container will ask the broker for, in the order in which it was added. It
// opens nothing. Queues with random names get other names when the container starts.
func Plans(host *service.Host) []Plan {
	p, err := plannerOf(host)
	if err != nil {
		return nil
	}
	all := make([]Plan, len(p.plans))
	for i, plan := range p.plans {
		all[i] = plan()
	}
	return all
}

func plannerOf(host *service.Host) (*planner, error) {
	return service.Shared(host, func(*service.Host) (*planner, error) { return new(planner), nil })
}

// Merge returns a topology that contains t and more; the queues, exchanges and bindings of more
// come after those of t.
func Merge(t, more transport.Topology) transport.Topology {
	return transport.Topology{
		Exchanges: slices.Concat(t.Exchanges, more.Exchanges),
		Queues:    slices.Concat(t.Queues, more.Queues),
		Bindings:  slices.Concat(t.Bindings, more.Bindings),
	}
}
