package broker

import (
	"slices"

	"github.com/gomeko/gomeko/internal/frame"
)

// parkingRoom is how many bytes of frames a connection may park before the broker stops reading
// from it, in addition to the memory of the deliveries that it holds.
const parkingRoom = 64 << 10

// A parking keeps the frames of a channel that wait while the memory alarm is on: a publishing, and
// whatever follows it on the channel. Acknowledgements and cancels do not wait, because they free
// memory; neither do other channels.
type parking struct {
	frames []frame.Frame
	orders bool // frames contains methods other than publishings
	owed   int  // how many of frames an acknowledgement has overtaken
}

// park parks a frame if it must wait, and reports whether it did. m points to the frame's method,
// nil if it is not a method frame. If too much is parked already, park first waits until there is
// room.
func (c *conn) park(ch *channel, f frame.Frame, m *frame.Method) bool {
	if !ch.mustWait(*m) {
		return false
	}
	c.block()
	if isContent := *m == nil; !c.hasRoom(isContent) {
		c.waitParked(func() bool { return c.hasRoom(isContent) })
		if !isContent {
			*m, _ = c.frames.Method(f.Payload) // waitParked has decoded other methods
		}
		if !ch.mustWait(*m) {
			return false
		}
		c.block()
	}
	p := &ch.parking
	if _, isPublish := (*m).(*frame.BasicPublish); *m != nil && !isPublish {
		p.orders = true
	}
	f.Payload = slices.Clone(f.Payload)
	p.frames = append(p.frames, f)
	c.count(f, 1)
	return true
}

// hasRoom reports whether the connection may park more. While the client holds deliveries, the rest
// of a message may always be parked; otherwise, the broker could not read the acknowledgement after
// it.
func (c *conn) hasRoom(isContent bool) bool {
	held := c.holding.Load()
	return c.parked <= held+parkingRoom || isContent && held > 0
}

// mustWait reports whether a frame must wait. m is its method, or nil.
func (ch *channel) mustWait(m frame.Method) bool {
	if len(ch.parking.frames) > 0 {
		return !ch.overtakes(m)
	}
	publish, ok := m.(*frame.BasicPublish)
	return ok && !ch.closing && !ch.publishing.pending && !ch.mayPublish(publish)
}

// count adds a frame to the counts of parked bytes, or subtracts it if sign is -1.
func (c *conn) count(f frame.Frame, sign int64) {
	n := sign * int64(len(f.Payload)+frameMemory)
	c.parked += n
	c.broker.alarm.parked.Add(n)
}

// mayPublish reports whether a channel may begin a publishing. While the alarm is on, it may if the
// message goes to no queue or only to consumers that can take it at once. It also may if the client
// holds deliveries, up to about as many bytes as it holds, because it may have to publish before it
// can acknowledge them.
func (ch *channel) mayPublish(m *frame.BasicPublish) bool {
	a := ch.conn.broker.alarm
	if !a.isOn() {
		return true
	}
	ch.vhost.lock()
	defer ch.vhost.unlock()
	if a.used.Load() > a.reserve {
		return false
	}
	held := ch.conn.holding.Load()
	return held > 0 && ch.conn.borrowed <= held+parkingRoom || ch.vhost.flows(m.Exchange, m.RoutingKey)
}

// overtakes reports whether a method is handled before the frames that the channel has parked. In a
// transaction, acknowledgements wait too, because they take effect when it commits.
func (ch *channel) overtakes(m frame.Method) bool {
	switch m := m.(type) {
	case *frame.BasicAck, *frame.BasicNack, *frame.BasicReject:
		return ch.tx == nil
	case *frame.BasicCancel:
		return ch.consumers[m.ConsumerTag] != nil
	case *frame.ChannelClose:
		return ch.mayDrop()
	}
	return false
}

// overtake prepares the channel for a method that overtakes its parked frames.
func (ch *channel) overtake(m frame.Method) {
	switch m.(type) {
	case *frame.BasicCancel:
	case *frame.ChannelClose:
		ch.admit()
	default:
		ch.parking.owed = len(ch.parking.frames)
	}
}

// mayDrop reports whether the channel may be closed before its parked frames are handled. It may if
// admit accepts all of them, or if the client can see that they were not confirmed.
func (ch *channel) mayDrop() bool {
	p := &ch.parking
	return len(p.frames) == 0 || !p.orders && (ch.confirming || p.owed == len(p.frames))
}

// mayDrop reports whether the connection may be closed before the parked frames of its channels are
// handled.
func (c *conn) mayDrop() bool {
	for _, ch := range c.channels {
		if !ch.mayDrop() {
			return false
		}
	}
	return true
}

// unpark handles the parked frames that no longer have to wait. The reader calls it before it
// waits.
func (c *conn) unpark() {
	if !c.blocked.Load() {
		return
	}
	for _, ch := range c.channels {
		if err := ch.unpark(); err != nil {
			c.fail(err)
			return
		}
	}
	if c.parked == 0 {
		c.unblock()
	}
}

// unpark returns an exception if it ends the connection.
func (ch *channel) unpark() *exception {
	p := &ch.parking
	for len(p.frames) > 0 {
		f := p.frames[0]
		var m frame.Method
		if f.Type == frame.TypeMethod {
			var err error
			if m, err = ch.conn.frames.Method(f.Payload); err != nil {
				return asException(err)
			}
		}
		publish, ok := m.(*frame.BasicPublish)
		if ok && !ch.closing && !ch.publishing.pending && !ch.mayPublish(publish) {
			return nil
		}
		p.frames = p.frames[1:]
		p.owed = max(p.owed-1, 0)
		ch.conn.count(f, -1)
		if e := ch.conn.dispatch(ch, f, m); e != nil {
			return e
		}
	}
	*p = parking{}
	return nil
}

// admit handles the parked publishings that an acknowledgement has overtaken: the client has
// acknowledged the deliveries that they answer. The channel is about to end.
func (ch *channel) admit() {
	owed := ch.parking.frames[:ch.parking.owed]
	ch.parking.owed = 0
	for _, f := range owed {
		if ch.conn.broker.alarm.isOver() {
			return
		}
		var m frame.Method
		if f.Type == frame.TypeMethod {
			m, _ = ch.conn.frames.Method(f.Payload)
		}
		if _, ok := m.(*frame.BasicPublish); !ok && !ch.publishing.pending {
			continue
		}
		if ch.conn.dispatch(ch, f, m) != nil || ch.closing {
			return
		}
	}
}

// dropParked drops the parked frames of a channel that ends.
func (ch *channel) dropParked() {
	for _, f := range ch.parking.frames {
		ch.conn.count(f, -1)
	}
	ch.parking = parking{}
}

// block starts parking. It sends connection.blocked if the client supports it.
func (c *conn) block() {
	if c.blocked.Swap(true) {
		return
	}
	c.confirm()
	c.log.Warn("publisher blocked: clients take more than the memory limit", "limit", c.broker.alarm.limit)
	c.broker.alarm.block(c)
	if c.isTold() {
		c.out.method(0, &frame.ConnectionBlocked{Reason: "low on memory"})
	}
}

func (c *conn) unblock() {
	if !c.blocked.Swap(false) {
		return
	}
	c.broker.alarm.unblock(c)
	if c.isTold() {
		c.out.method(0, &frame.ConnectionUnblocked{})
	}
}

// isTold reports whether the client understands connection.blocked.
func (c *conn) isTold() bool {
	tell, _ := c.capabilities.Get("connection.blocked")
	return tell == true
}

// wake makes the reader call unpark. Any goroutine may call it.
func (c *conn) wake() {
	signal(c.woken)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closing.IsZero() {
		c.interrupted = true
		c.nc.SetReadDeadline(past)
	}
}

// waitParked waits while ok returns false. It returns at once if the connection ends.
func (c *conn) waitParked(ok func() bool) {
	for {
		if c.unpark(); ok() {
			return
		}
		c.confirm()
		select {
		case <-c.woken:
		case <-c.out.gone:
			return
		}
	}
}
