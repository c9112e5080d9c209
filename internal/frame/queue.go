package frame

func newQueueMethod(id ID) Method {
	switch id {
	case queue | 10:
		return new(QueueDeclare)
	case queue | 11:
		return new(QueueDeclareOk)
	case queue | 20:
		return new(QueueBind)
	case queue | 21:
		return new(QueueBindOk)
	case queue | 30:
		return new(QueuePurge)
	case queue | 31:
		return new(QueuePurgeOk)
	case queue | 40:
		return new(QueueDelete)
	case queue | 41:
		return new(QueueDeleteOk)
	case queue | 50:
		return new(QueueUnbind)
	case queue | 51:
		return new(QueueUnbindOk)
	}
	return nil
}

// A QueueDeclare creates a queue, or checks that it exists.
type QueueDeclare struct {
	Queue                                           string
	Passive, Durable, Exclusive, AutoDelete, NoWait bool
	Arguments                                       Table
}

// ID returns 50.10.
func (*QueueDeclare) ID() ID { return queue | 10 }

func (m *QueueDeclare) fields(c *codec) {
	c.reserved()
	c.shortstr(&m.Queue)
	c.bits(&m.Passive, &m.Durable, &m.Exclusive, &m.AutoDelete, &m.NoWait)
	c.table(&m.Arguments)
}

// A QueueDeclareOk confirms a [QueueDeclare].
type QueueDeclareOk struct {
	Queue         string
	MessageCount  uint32
	ConsumerCount uint32
}

// ID returns 50.11.
func (*QueueDeclareOk) ID() ID { return queue | 11 }

func (m *QueueDeclareOk) fields(c *codec) {
	c.shortstr(&m.Queue)
	c.long(&m.MessageCount)
	c.long(&m.ConsumerCount)
}

// A QueueBind binds a queue to an exchange.
type QueueBind struct {
	Queue      string
	Exchange   string
	RoutingKey string
	NoWait     bool
	Arguments  Table
}

// ID returns 50.20.
func (*QueueBind) ID() ID { return queue | 20 }

func (m *QueueBind) fields(c *codec) {
	c.reserved()
	c.shortstr(&m.Queue)
	c.shortstr(&m.Exchange)
	c.shortstr(&m.RoutingKey)
	c.bits(&m.NoWait)
	c.table(&m.Arguments)
}

// A QueueBindOk confirms a [QueueBind].
type QueueBindOk struct{}

// ID returns 50.21.
func (*QueueBindOk) ID() ID { return queue | 21 }

func (m *QueueBindOk) fields(*codec) {}

// A QueuePurge drops the ready messages of a queue.
type QueuePurge struct {
	Queue  string
	NoWait bool
}

// ID returns 50.30.
func (*QueuePurge) ID() ID { return queue | 30 }

func (m *QueuePurge) fields(c *codec) {
	c.reserved()
	c.shortstr(&m.Queue)
	c.bits(&m.NoWait)
}

// A QueuePurgeOk confirms a [QueuePurge].
type QueuePurgeOk struct {
	MessageCount uint32
}

// ID returns 50.31.
func (*QueuePurgeOk) ID() ID { return queue | 31 }

func (m *QueuePurgeOk) fields(c *codec) {
	c.long(&m.MessageCount)
}

// A QueueDelete deletes a queue.
type QueueDelete struct {
	Queue                     string
	IfUnused, IfEmpty, NoWait bool
}

// ID returns 50.40.
func (*QueueDelete) ID() ID { return queue | 40 }

func (m *QueueDelete) fields(c *codec) {
	c.reserved()
	c.shortstr(&m.Queue)
	c.bits(&m.IfUnused, &m.IfEmpty, &m.NoWait)
}

// A QueueDeleteOk confirms a [QueueDelete].
type QueueDeleteOk struct {
	MessageCount uint32
}

// ID returns 50.41.
func (*QueueDeleteOk) ID() ID { return queue | 41 }

func (m *QueueDeleteOk) fields(c *codec) {
	c.long(&m.MessageCount)
}

// A QueueUnbind undoes a [QueueBind].
type QueueUnbind struct {
	Queue      string
	Exchange   string
	RoutingKey string
	Arguments  Table
}

// ID returns 50.50.
func (*QueueUnbind) ID() ID { return queue | 50 }

func (m *QueueUnbind) fields(c *codec) {
	c.reserved()
	c.shortstr(&m.Queue)
	c.shortstr(&m.Exchange)
	c.shortstr(&m.RoutingKey)
	c.table(&m.Arguments)
}

// A QueueUnbindOk confirms a [QueueUnbind].
type QueueUnbindOk struct{}

// ID returns 50.51.
func (*QueueUnbindOk) ID() ID { return queue | 51 }

func (m *QueueUnbindOk) fields(*codec) {}
