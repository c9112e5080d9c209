package broker

import (
	"slices"
	"strings"

	"github.com/gomeko/gomeko/internal/frame"
)

// A destination can be bound to exchanges: a queue or another exchange.
type destination struct {
	vhost    *vhost
	queue    *queue    // nil if it is an exchange
	exchange *exchange // nil if it is a queue
	bindings map[binding]struct{}
	turn     uint64 // the vhost's turn when a message was last routed to it
}

// A binding binds a destination to an exchange. All of its fields together identify it.
type binding struct {
	source    *exchange
	key       string
	arguments string // encoded by canonical
}

// canonical encodes arguments independently of their order.
func canonical(arguments frame.Table) string {
	if len(arguments) == 0 {
		return ""
	}
	sorted := slices.Clone(arguments)
	slices.SortStableFunc(sorted, func(a, b frame.Field) int { return strings.Compare(a.Name, b.Name) })
	return string(sorted.Append(nil)[4:])
}

// table returns the arguments decoded.
func (b binding) table() frame.Table {
	t, _ := frame.ParseTable([]byte(b.arguments)) // it was encoded by canonical
	return t
}

func (d *destination) bind(b binding) {
	if _, bound := d.bindings[b]; bound {
		return
	}
	if d.bindings == nil {
		d.bindings = make(map[binding]struct{})
	}
	d.bindings[b] = struct{}{}
	d.vhost.alarm.addObject(b.memory())
	b.source.routes.add(b, d)
	b.source.bindings++
}

// unbind removes a binding, and its source exchange if that is auto-delete and has no bindings
// left.
func (d *destination) unbind(b binding) {
	if _, bound := d.bindings[b]; !bound {
		return
	}
	delete(d.bindings, b)
	d.vhost.alarm.addObject(-b.memory())
	b.source.routes.remove(b, d)
	b.source.bindings--
	if b.source.bindings == 0 && b.source.autoDelete {
		b.source.remove()
	}
}

// unbindAll unbinds the destination from everything.
func (d *destination) unbindAll() {
	for b := range d.bindings {
		d.unbind(b)
	}
}
