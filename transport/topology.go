package transport

import "context"

// A Topology names exchanges, queues and bindings that must exist.
type Topology struct {
	Exchanges []Exchange
	Queues    []Queue
	Bindings  []Binding
}

// An Exchange is declared durable or transient, of kind "topic", "direct" or "fanout".
type Exchange struct {
	Name       string
	Kind       string
	Durable    bool
	AutoDelete bool
	Args       Table
}

// A Queue is declared with the flags and arguments given; another declaration of the
// same name with others is refused by the broker (406).
type Queue struct {
	Name       string
	Durable    bool
	AutoDelete bool
	Exclusive  bool
	Args       Table
}

// A Binding routes messages from an exchange to a queue by key.
type Binding struct {
	Queue    string
	Exchange string
	Key      string
	Args     Table
}

// Declare declares t now and again after every redial, exchanges first, then queues,
// then bindings, on a channel of its own. A refusal of the broker (*Error) is returned
// and nothing is remembered. When the connection is away Declare waits for it, as long as ctx does.
func (c *Conn) Declare(ctx context.Context, t Topology) error {
	panic("sketch")
}
