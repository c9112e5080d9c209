// Package topology collects what the rows and fields of a container declare, and what
// messaging.Declare declares for them. It finds contradictions before the broker does.
package topology

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/gomeko/gomeko/internal/nearest"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Declared is what one messaging.Declare declares. An exchange without a Kind is not declared, and
// must exist.
type Declared struct {
	transport.Topology
	Mistakes []error // mistakes in the values
}

// Option returns the name of the option that configured d.
func (Declared) Option() string { return "messaging.Declare" }

// A Registry is the topology of a container.
type Registry struct {
	declared transport.Topology // what messaging.Declare declares
	mistakes []error            // in declared
	used     map[string]bool    // the declared queues and exchanges that rows and fields use
	list     []declaration
}

// A declaration is what one row or field declares, or what all messaging.Declare together declare.
type declaration struct {
	by string // such as "Bill of billing"
	transport.Topology
}

// Of returns the Registry of a container.
func Of(host *service.Host) (*Registry, error) { return service.Shared(host, newRegistry) }

func newRegistry(host *service.Host) (*Registry, error) {
	r := &Registry{used: map[string]bool{}}
	for _, d := range service.LookupAll[Declared](host) {
		r.mistakes = append(r.mistakes, d.Mistakes...)
		for i := range d.Exchanges {
			t := transport.Topology{Exchanges: d.Exchanges[i : i+1]}
			r.mistakes = append(r.mistakes, declaration{"another value", r.declared}.contradictions(t)...)
			r.declared = merge(r.declared, t)
		}
		for i := range d.Queues {
			t := transport.Topology{Queues: d.Queues[i : i+1]}
			r.mistakes = append(r.mistakes, declaration{"another value", r.declared}.contradictions(t)...)
			r.declared = merge(r.declared, t)
		}
		r.declared = merge(r.declared, transport.Topology{Bindings: d.Bindings})
	}
	r.list = []declaration{{Declared{}.Option(), r.declared}}
	return r, nil
}

// Queue returns the queue with this name that messaging.Declare declares.
func (r *Registry) Queue(name string) (transport.Queue, bool) { return queueNamed(r.declared, name) }

// Exchange returns the exchange with this name that messaging.Declare declares.
func (r *Registry) Exchange(name string) (transport.Exchange, bool) {
	return exchangeNamed(r.declared, name)
}

// Add adds what a row or a field of a service declares and uses. It returns that together with what
// messaging.Declare declares for these queues and exchanges. Two rows may declare the same queue,
// like singletons of two services, or the same exchange, but only with the same flags, because the
// broker would reject the second declaration.
func (r *Registry) Add(serviceName, field string, t transport.Topology, queue, exchange string) (transport.Topology, error) {
	d := declaration{field + " of " + serviceName, t}
	var mistakes []error
	for _, other := range r.list {
		mistakes = append(mistakes, other.contradictions(t)...)
	}
	r.list = append(r.list, d)

	w := walk{declared: r.declared, used: r.used, seen: map[string]bool{}}
	w.queue(queue)
	w.exchange(exchange)
	for _, q := range t.Queues {
		w.queue(q.Name)
	}
	for _, e := range t.Exchanges {
		w.exchange(e.Name)
	}
	for _, b := range t.Bindings {
		w.exchange(b.Exchange)
	}
	return merge(t, w.found), errors.Join(mistakes...)
}

// A walk finds the declared topology that a row or a field needs: its queue with the queue's
// bindings, the exchanges in these bindings, and the exchanges to which the broker itself publishes
// dead letters and messages that an exchange cannot route.
type walk struct {
	declared, found transport.Topology
	used            map[string]bool // by any walk
	seen            map[string]bool // by this walk
}

func (w *walk) queue(name string) {
	q, ok := queueNamed(w.declared, name)
	if !ok || w.seen[queueKey(name)] {
		return
	}
	w.seen[queueKey(name)], w.used[queueKey(name)] = true, true
	w.found.Queues = append(w.found.Queues, q)
	for _, b := range w.declared.Bindings {
		if b.Queue == name {
			w.found.Bindings = append(w.found.Bindings, b)
			w.exchange(b.Exchange)
		}
	}
	if dead, ok := q.Args["x-dead-letter-exchange"].(string); ok && dead == "" {
		key, _ := q.Args["x-dead-letter-routing-key"].(string)
		w.queue(key)
	} else if ok {
		w.collecting(dead)
	}
}

func (w *walk) exchange(name string) {
	e, ok := exchangeNamed(w.declared, name)
	if !ok || w.seen[exchangeKey(name)] {
		return
	}
	w.seen[exchangeKey(name)], w.used[exchangeKey(name)] = true, true
	if e.Kind != "" {
		w.found.Exchanges = append(w.found.Exchanges, e)
	}
	if alternate, ok := e.Args["alternate-exchange"].(string); ok {
		w.collecting(alternate)
	}
}

// collecting finds an exchange to which the broker itself publishes, and its queues, which no row
// has to consume.
func (w *walk) collecting(exchange string) {
	w.exchange(exchange)
	for _, b := range w.declared.Bindings {
		if b.Exchange == exchange {
			w.queue(b.Queue)
		}
	}
}

// Check returns the mistakes in what messaging.Declare declares: mistakes in the values, and
// bindings to exchanges that are not declared. If complete is true, all rows and fields are known,
// and it also returns what none of them uses.
func (r *Registry) Check(complete bool) error {
	mistakes := slices.Clone(r.mistakes)
	for _, b := range r.declared.Bindings {
		if err := r.checkBinding(b); err != nil {
			mistakes = append(mistakes, err)
		}
	}
	if complete {
		mistakes = append(mistakes, r.unused()...)
	}
	for i, err := range mistakes {
		mistakes[i] = fmt.Errorf("%s: %w", Declared{}.Option(), err)
	}
	return errors.Join(mistakes...)
}

// checkBinding returns an error if the exchange of a binding is wrong.
func (r *Registry) checkBinding(b transport.Binding) error {
	if b.Exchange == "" {
		return fmt.Errorf("queue %q: a binding names no exchange: the default exchange routes to each queue by its name, and has no other bindings", b.Queue)
	}
	if _, ok := r.Exchange(b.Exchange); ok || strings.HasPrefix(b.Exchange, "amq.") {
		return nil
	}
	var names []string
	for _, e := range r.declared.Exchanges {
		names = append(names, e.Name)
	}
	remedy := fmt.Sprintf("add messaging.Exchange{Name: %q, Kind: …}, or without a Kind if it exists", b.Exchange)
	if near := nearest.Likely(b.Exchange, names); near != "" {
		remedy = fmt.Sprintf("did you mean %q?", near)
	}
	return fmt.Errorf("queue %q: exchange %q of a binding is not declared: %s", b.Queue, b.Exchange, remedy)
}

// unused returns an error for each queue and exchange that no row and no field uses.
func (r *Registry) unused() (mistakes []error) {
	for _, q := range r.declared.Queues {
		if r.used[queueKey(q.Name)] {
			continue
		}
		remedy := fmt.Sprintf(`add a row messaging:%q or a publisher queue:%[1]q, or remove it`, q.Name)
		if near := nearest.Likely(q.Name, r.otherQueues()); near != "" {
			remedy = fmt.Sprintf("did you mean %q?", near)
		}
		mistakes = append(mistakes, fmt.Errorf("queue %q: no row and no publisher names it: %s", q.Name, remedy))
	}
	for _, e := range r.declared.Exchanges {
		bound := slices.ContainsFunc(r.declared.Bindings, func(b transport.Binding) bool { return b.Exchange == e.Name })
		if !bound && !r.used[exchangeKey(e.Name)] {
			mistakes = append(mistakes, fmt.Errorf("exchange %q: nothing is bound to it or publishes to it: remove it", e.Name))
		}
	}
	return mistakes
}

// otherQueues returns the names of queues that rows and fields declare, but messaging.Declare does
// not.
func (r *Registry) otherQueues() (names []string) {
	for _, d := range r.list {
		for _, q := range d.Queues {
			if _, ok := r.Queue(q.Name); !ok {
				names = append(names, q.Name)
			}
		}
	}
	return names
}

func queueKey(name string) string    { return "queue " + name }
func exchangeKey(name string) string { return "exchange " + name }

// contradictions returns an error for each queue and exchange of t that d declares with other
// flags.
func (d declaration) contradictions(t transport.Topology) (mistakes []error) {
	for _, q := range t.Queues {
		if other, ok := queueNamed(d.Topology, q.Name); ok && !reflect.DeepEqual(other, q) {
			mistakes = append(mistakes, fmt.Errorf("queue %q is declared with other flags by %s (%s; here %s): make them the same",
				q.Name, d.by, QueueFlags(other), QueueFlags(q)))
		}
	}
	for _, e := range t.Exchanges {
		if other, ok := exchangeNamed(d.Topology, e.Name); ok && !reflect.DeepEqual(other, e) {
			mistakes = append(mistakes, fmt.Errorf("exchange %q is declared with other flags by %s (%s; here %s): make them the same",
				e.Name, d.by, ExchangeFlags(other), ExchangeFlags(e)))
		}
	}
	return mistakes
}

// QueueFlags describes a queue in errors.
func QueueFlags(q transport.Queue) string {
	return fmt.Sprintf("durable=%t auto_delete=%t exclusive=%t", q.Durable, q.AutoDelete, q.Exclusive) + arguments(q.Args)
}

// ExchangeFlags describes an exchange in errors.
func ExchangeFlags(e transport.Exchange) string {
	if e.Kind == "" {
		return "not declared"
	}
	return fmt.Sprintf("kind=%s durable=%t auto_delete=%t", e.Kind, e.Durable, e.AutoDelete) + arguments(e.Args)
}

func arguments(args transport.Table) string {
	if len(args) == 0 {
		return ""
	}
	return fmt.Sprintf(" arguments=%v", args)
}

func queueNamed(t transport.Topology, name string) (transport.Queue, bool) {
	i := slices.IndexFunc(t.Queues, func(q transport.Queue) bool { return q.Name == name })
	if i < 0 {
		return transport.Queue{}, false
	}
	return t.Queues[i], true
}

func exchangeNamed(t transport.Topology, name string) (transport.Exchange, bool) {
	i := slices.IndexFunc(t.Exchanges, func(e transport.Exchange) bool { return e.Name == name })
	if i < 0 {
		return transport.Exchange{}, false
	}
	return t.Exchanges[i], true
}

// merge returns t, with the queues, exchanges and bindings of more that t does not have.
func merge(t, more transport.Topology) transport.Topology {
	for _, q := range more.Queues {
		if _, ok := queueNamed(t, q.Name); !ok {
			t.Queues = append(t.Queues[:len(t.Queues):len(t.Queues)], q)
		}
	}
	for _, e := range more.Exchanges {
		if _, ok := exchangeNamed(t, e.Name); !ok {
			t.Exchanges = append(t.Exchanges[:len(t.Exchanges):len(t.Exchanges)], e)
		}
	}
	for _, b := range more.Bindings {
		if !slices.ContainsFunc(t.Bindings, func(other transport.Binding) bool { return reflect.DeepEqual(other, b) }) {
			t.Bindings = append(t.Bindings[:len(t.Bindings):len(t.Bindings)], b)
		}
	}
	return t
}
