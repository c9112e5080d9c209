package frame

func newBasicMethod(id ID) Method {
	switch id {
	case basic | 10:
		return new(BasicQos)
	case basic | 11:
		return new(BasicQosOk)
	case basic | 20:
		return new(BasicConsume)
	case basic | 21:
		return new(BasicConsumeOk)
	case basic | 30:
		return new(BasicCancel)
	case basic | 31:
		return new(BasicCancelOk)
	case basic | 40:
		return new(BasicPublish)
	case basic | 50:
		return new(BasicReturn)
	case basic | 60:
		return new(BasicDeliver)
	case basic | 70:
		return new(BasicGet)
	case basic | 71:
		return new(BasicGetOk)
	case basic | 72:
		return new(BasicGetEmpty)
	case basic | 80:
		return new(BasicAck)
	case basic | 90:
		return new(BasicReject)
	case basic | 100:
		return new(BasicRecoverAsync)
	case basic | 110:
		return new(BasicRecover)
	case basic | 111:
		return new(BasicRecoverOk)
	case basic | 120:
		return new(BasicNack)
	}
	return nil
}

// A BasicQos limits the unacknowledged deliveries.
type BasicQos struct {
	PrefetchSize  uint32
	PrefetchCount uint16
	Global        bool
}

// ID returns 60.10.
func (*BasicQos) ID() ID { return basic | 10 }

func (m *BasicQos) fields(c *codec) {
	c.long(&m.PrefetchSize)
	c.short(&m.PrefetchCount)
	c.bits(&m.Global)
}

// A BasicQosOk confirms a [BasicQos].
type BasicQosOk struct{}

// ID returns 60.11.
func (*BasicQosOk) ID() ID { return basic | 11 }

func (m *BasicQosOk) fields(*codec) {}

// A BasicConsume starts a consumer.
type BasicConsume struct {
	Queue                             string
	ConsumerTag                       string
	NoLocal, NoAck, Exclusive, NoWait bool
	Arguments                         Table
}

// ID returns 60.20.
func (*BasicConsume) ID() ID { return basic | 20 }

func (m *BasicConsume) fields(c *codec) {
	c.reserved()
	c.shortstr(&m.Queue)
	c.shortstr(&m.ConsumerTag)
	c.bits(&m.NoLocal, &m.NoAck, &m.Exclusive, &m.NoWait)
	c.table(&m.Arguments)
}

// A BasicConsumeOk confirms a [BasicConsume].
type BasicConsumeOk struct {
	ConsumerTag string
}

// ID returns 60.21.
func (*BasicConsumeOk) ID() ID { return basic | 21 }

func (m *BasicConsumeOk) fields(c *codec) {
	c.shortstr(&m.ConsumerTag)
}

// A BasicCancel ends a consumer, from either side.
type BasicCancel struct {
	ConsumerTag string
	NoWait      bool
}

// ID returns 60.30.
func (*BasicCancel) ID() ID { return basic | 30 }

func (m *BasicCancel) fields(c *codec) {
	c.shortstr(&m.ConsumerTag)
	c.bits(&m.NoWait)
}

// A BasicCancelOk confirms a [BasicCancel].
type BasicCancelOk struct {
	ConsumerTag string
}

// ID returns 60.31.
func (*BasicCancelOk) ID() ID { return basic | 31 }

func (m *BasicCancelOk) fields(c *codec) {
	c.shortstr(&m.ConsumerTag)
}

// A BasicPublish publishes the content that follows.
type BasicPublish struct {
	Exchange             string
	RoutingKey           string
	Mandatory, Immediate bool
}

// ID returns 60.40.
func (*BasicPublish) ID() ID { return basic | 40 }

func (m *BasicPublish) fields(c *codec) {
	c.reserved()
	c.shortstr(&m.Exchange)
	c.shortstr(&m.RoutingKey)
	c.bits(&m.Mandatory, &m.Immediate)
}

// A BasicReturn returns a mandatory message that was routed to no queue; content follows.
type BasicReturn struct {
	ReplyCode  uint16
	ReplyText  string
	Exchange   string
	RoutingKey string
}

// ID returns 60.50.
func (*BasicReturn) ID() ID { return basic | 50 }

func (m *BasicReturn) fields(c *codec) {
	c.short(&m.ReplyCode)
	c.shortstr(&m.ReplyText)
	c.shortstr(&m.Exchange)
	c.shortstr(&m.RoutingKey)
}

// A BasicDeliver delivers the content that follows to a consumer.
type BasicDeliver struct {
	ConsumerTag string
	DeliveryTag uint64
	Redelivered bool
	Exchange    string
	RoutingKey  string
}

// ID returns 60.60.
func (*BasicDeliver) ID() ID { return basic | 60 }

func (m *BasicDeliver) fields(c *codec) {
	c.shortstr(&m.ConsumerTag)
	c.longlong(&m.DeliveryTag)
	c.bits(&m.Redelivered)
	c.shortstr(&m.Exchange)
	c.shortstr(&m.RoutingKey)
}

// A BasicGet asks for one message.
type BasicGet struct {
	Queue string
	NoAck bool
}

// ID returns 60.70.
func (*BasicGet) ID() ID { return basic | 70 }

func (m *BasicGet) fields(c *codec) {
	c.reserved()
	c.shortstr(&m.Queue)
	c.bits(&m.NoAck)
}

// A BasicGetOk answers a [BasicGet] with the content that follows.
type BasicGetOk struct {
	DeliveryTag  uint64
	Redelivered  bool
	Exchange     string
	RoutingKey   string
	MessageCount uint32
}

// ID returns 60.71.
func (*BasicGetOk) ID() ID { return basic | 71 }

func (m *BasicGetOk) fields(c *codec) {
	c.longlong(&m.DeliveryTag)
	c.bits(&m.Redelivered)
	c.shortstr(&m.Exchange)
	c.shortstr(&m.RoutingKey)
	c.long(&m.MessageCount)
}

// A BasicGetEmpty answers a [BasicGet] on an empty queue.
type BasicGetEmpty struct{}

// ID returns 60.72.
func (*BasicGetEmpty) ID() ID { return basic | 72 }

func (m *BasicGetEmpty) fields(c *codec) {
	c.shortstr(new(string)) // reserved
}

// A BasicAck acknowledges deliveries, or confirms publishings.
type BasicAck struct {
	DeliveryTag uint64
	Multiple    bool
}

// ID returns 60.80.
func (*BasicAck) ID() ID { return basic | 80 }

func (m *BasicAck) fields(c *codec) {
	c.longlong(&m.DeliveryTag)
	c.bits(&m.Multiple)
}

// A BasicReject rejects a delivery.
type BasicReject struct {
	DeliveryTag uint64
	Requeue     bool
}

// ID returns 60.90.
func (*BasicReject) ID() ID { return basic | 90 }

func (m *BasicReject) fields(c *codec) {
	c.longlong(&m.DeliveryTag)
	c.bits(&m.Requeue)
}

// A BasicRecoverAsync is [BasicRecover] without an answer.
type BasicRecoverAsync struct {
	Requeue bool
}

// ID returns 60.100.
func (*BasicRecoverAsync) ID() ID { return basic | 100 }

func (m *BasicRecoverAsync) fields(c *codec) {
	c.bits(&m.Requeue)
}

// A BasicRecover asks for redelivery of all unacknowledged messages of the channel.
type BasicRecover struct {
	Requeue bool
}

// ID returns 60.110.
func (*BasicRecover) ID() ID { return basic | 110 }

func (m *BasicRecover) fields(c *codec) {
	c.bits(&m.Requeue)
}

// A BasicRecoverOk confirms a [BasicRecover].
type BasicRecoverOk struct{}

// ID returns 60.111.
func (*BasicRecoverOk) ID() ID { return basic | 111 }

func (m *BasicRecoverOk) fields(*codec) {}

// A BasicNack rejects deliveries, or a publishing.
type BasicNack struct {
	DeliveryTag       uint64
	Multiple, Requeue bool
}

// ID returns 60.120.
func (*BasicNack) ID() ID { return basic | 120 }

func (m *BasicNack) fields(c *codec) {
	c.longlong(&m.DeliveryTag)
	c.bits(&m.Multiple, &m.Requeue)
}
