// Package topology knows what the rows and fields of a container declare, and finds contradictions
// before the broker does.
package topology

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// A declarations holds the topology of each row and field of a container.
type declarations struct{ list []declaration }

type declaration struct {
	service, field string
	transport.Topology
}

// Add adds what a row or a field declares. Two of them may declare the same queue, as singletons of
// two services do, or the same exchange, but with the same flags: the broker would refuse the second.
func Add(host *service.Host, serviceName, field string, t transport.Topology) error {
	all, err := service.Shared(host, func(*service.Host) (*declarations, error) { return new(declarations), nil })
	if err != nil {
		return err
	}
	var mistakes []error
	for _, other := range all.list {
		mistakes = append(mistakes, other.contradictions(t)...)
	}
	all.list = append(all.list, declaration{serviceName, field, t})
	return errors.Join(mistakes...)
}

func (d declaration) contradictions(t transport.Topology) (mistakes []error) {
	for _, q := range t.Queues {
		for _, other := range d.Queues {
			if other.Name == q.Name && !reflect.DeepEqual(other, q) {
				mistakes = append(mistakes, fmt.Errorf("queue %q is declared with other flags by %s of %s (%s; here %s): make them the same",
					q.Name, d.field, d.service, queueFlags(other), queueFlags(q)))
			}
		}
	}
	for _, e := range t.Exchanges {
		for _, other := range d.Exchanges {
			if other.Name == e.Name && !reflect.DeepEqual(other, e) {
				mistakes = append(mistakes, fmt.Errorf("exchange %q is declared with other flags by %s of %s (%s; here %s): make them the same",
					e.Name, d.field, d.service, exchangeFlags(other), exchangeFlags(e)))
			}
		}
	}
	return mistakes
}

func queueFlags(q transport.Queue) string {
	return fmt.Sprintf("durable=%t auto_delete=%t exclusive=%t", q.Durable, q.AutoDelete, q.Exclusive) + arguments(q.Args)
}

func exchangeFlags(e transport.Exchange) string {
	return fmt.Sprintf("kind=%s durable=%t auto_delete=%t", e.Kind, e.Durable, e.AutoDelete) + arguments(e.Args)
}

func arguments(args transport.Table) string {
	if len(args) == 0 {
		return ""
	}
	return fmt.Sprintf(" arguments=%v", args)
}
