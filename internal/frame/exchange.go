package frame

func newExchangeMethod(id ID) Method {
	switch id {
	case exchange | 10:
		return new(ExchangeDeclare)
	case exchange | 11:
		return new(ExchangeDeclareOk)
	case exchange | 20:
		return new(ExchangeDelete)
	case exchange | 21:
		return new(ExchangeDeleteOk)
	case exchange | 30:
		return new(ExchangeBind)
	case exchange | 31:
		return new(ExchangeBindOk)
	case exchange | 40:
		return new(ExchangeUnbind)
	case exchange | 51:
		return new(ExchangeUnbindOk)
	}
	return nil
}

// An ExchangeDeclare creates an exchange, or checks that it exists.
type ExchangeDeclare struct {
	Exchange                                       string
	Type                                           string
	Passive, Durable, AutoDelete, Internal, NoWait bool
	Arguments                                      Table
}

// ID returns 40.10.
func (*ExchangeDeclare) ID() ID { return exchange | 10 }

func (m *ExchangeDeclare) fields(c *codec) {
	c.reserved()
	c.shortstr(&m.Exchange)
	c.shortstr(&m.Type)
	c.bits(&m.Passive, &m.Durable, &m.AutoDelete, &m.Internal, &m.NoWait)
	c.table(&m.Arguments)
}

// An ExchangeDeclareOk confirms an [ExchangeDeclare].
type ExchangeDeclareOk struct{}

// ID returns 40.11.
func (*ExchangeDeclareOk) ID() ID { return exchange | 11 }

func (m *ExchangeDeclareOk) fields(*codec) {}

// An ExchangeDelete deletes an exchange.
type ExchangeDelete struct {
	Exchange         string
	IfUnused, NoWait bool
}

// ID returns 40.20.
func (*ExchangeDelete) ID() ID { return exchange | 20 }

func (m *ExchangeDelete) fields(c *codec) {
	c.reserved()
	c.shortstr(&m.Exchange)
	c.bits(&m.IfUnused, &m.NoWait)
}

// An ExchangeDeleteOk confirms an [ExchangeDelete].
type ExchangeDeleteOk struct{}

// ID returns 40.21.
func (*ExchangeDeleteOk) ID() ID { return exchange | 21 }

func (m *ExchangeDeleteOk) fields(*codec) {}

// An ExchangeBind binds an exchange, the destination, to another, the source.
type ExchangeBind struct {
	Destination string
	Source      string
	RoutingKey  string
	NoWait      bool
	Arguments   Table
}

// ID returns 40.30.
func (*ExchangeBind) ID() ID { return exchange | 30 }

func (m *ExchangeBind) fields(c *codec) {
	c.reserved()
	c.shortstr(&m.Destination)
	c.shortstr(&m.Source)
	c.shortstr(&m.RoutingKey)
	c.bits(&m.NoWait)
	c.table(&m.Arguments)
}

// An ExchangeBindOk confirms an [ExchangeBind].
type ExchangeBindOk struct{}

// ID returns 40.31.
func (*ExchangeBindOk) ID() ID { return exchange | 31 }

func (m *ExchangeBindOk) fields(*codec) {}

// An ExchangeUnbind undoes an [ExchangeBind].
type ExchangeUnbind struct {
	Destination string
	Source      string
	RoutingKey  string
	NoWait      bool
	Arguments   Table
}

// ID returns 40.40.
func (*ExchangeUnbind) ID() ID { return exchange | 40 }

func (m *ExchangeUnbind) fields(c *codec) {
	c.reserved()
	c.shortstr(&m.Destination)
	c.shortstr(&m.Source)
	c.shortstr(&m.RoutingKey)
	c.bits(&m.NoWait)
	c.table(&m.Arguments)
}

// An ExchangeUnbindOk confirms an [ExchangeUnbind].
type ExchangeUnbindOk struct{}

// ID returns 40.51, not 40.41.
func (*ExchangeUnbindOk) ID() ID { return exchange | 51 }

func (m *ExchangeUnbindOk) fields(*codec) {}
