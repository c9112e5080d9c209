package broker

import (
	"slices"
	"strings"

	"github.com/gomeko/gomeko/internal/frame"
)

// A destination is what is bound to exchanges: a queue, or an exchange again.
type destination struct {
	vhost    *vhost
	queue    *queue    // one of the two
	exchange *exchange // is nil
	bindings map[binding]struct{}
	turn     uint64 // of the vhost, when it was last routed to
}

// A binding is one that a destination has: with it, all that is here is its identity.
type binding struct {
	source    *exchange
	key       string
	arguments string // as canonical returns them
}

// canonical encodes arguments so that equal ones are equal whatever their order.
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
	t, _ := frame.ParseTable([]byte(b.arguments)) // it was encoded here
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
	b.source.routes.add(b, d)
	b.source.bindings++
}

// unbind also removes the source if it lives by its bindings.
func (d *destination) unbind(b binding) {
	if _, bound := d.bindings[b]; !bound {
		return
	}
	delete(d.bindings, b)
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
