package frame

func newChannelMethod(id ID) Method {
	switch id {
	case channel | 10:
		return new(ChannelOpen)
	case channel | 11:
		return new(ChannelOpenOk)
	case channel | 20:
		return new(ChannelFlow)
	case channel | 21:
		return new(ChannelFlowOk)
	case channel | 40:
		return new(ChannelClose)
	case channel | 41:
		return new(ChannelCloseOk)
	}
	return nil
}

// A ChannelOpen opens a channel.
type ChannelOpen struct{}

// ID returns 20.10.
func (*ChannelOpen) ID() ID { return channel | 10 }

func (m *ChannelOpen) fields(c *codec) {
	c.shortstr(new(string)) // reserved
}

// A ChannelOpenOk says that the channel is ready.
type ChannelOpenOk struct{}

// ID returns 20.11.
func (*ChannelOpenOk) ID() ID { return channel | 11 }

func (m *ChannelOpenOk) fields(c *codec) {
	c.longstr(new(string)) // reserved
}

// A ChannelFlow asks a peer to pause or resume its content.
type ChannelFlow struct {
	Active bool
}

// ID returns 20.20.
func (*ChannelFlow) ID() ID { return channel | 20 }

func (m *ChannelFlow) fields(c *codec) {
	c.bits(&m.Active)
}

// A ChannelFlowOk confirms a [ChannelFlow].
type ChannelFlowOk struct {
	Active bool
}

// ID returns 20.21.
func (*ChannelFlowOk) ID() ID { return channel | 21 }

func (m *ChannelFlowOk) fields(c *codec) {
	c.bits(&m.Active)
}

// A ChannelClose closes the channel. It names the method that caused it, if any.
type ChannelClose struct {
	ReplyCode uint16
	ReplyText string
	ClassID   uint16
	MethodID  uint16
}

// ID returns 20.40.
func (*ChannelClose) ID() ID { return channel | 40 }

func (m *ChannelClose) fields(c *codec) {
	c.short(&m.ReplyCode)
	c.shortstr(&m.ReplyText)
	c.short(&m.ClassID)
	c.short(&m.MethodID)
}

// A ChannelCloseOk is the last frame of a channel.
type ChannelCloseOk struct{}

// ID returns 20.41.
func (*ChannelCloseOk) ID() ID { return channel | 41 }

func (m *ChannelCloseOk) fields(*codec) {}
