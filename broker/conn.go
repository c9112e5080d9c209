package broker

import (
	"errors"
	"io"
	"log/slog"
	"maps"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gomeko/gomeko/internal/clip"
	"github.com/gomeko/gomeko/internal/frame"
)

const (
	// handshakeTimeout limits how long a client may take to open its connection.
	handshakeTimeout = 10 * time.Second

	// closeTimeout limits how long a client may take to confirm that its connection is closed, and
	// to read what is queued for it.
	closeTimeout = 10 * time.Second

	// stopTimeout replaces closeTimeout while the broker stops. A pooled connection that its client
	// does not read, such as those of kombu's publishers, always takes this long.
	stopTimeout = 3 * time.Second

	channelMax = 2047
	frameMax   = 128 << 10
)

// A conn is a client's connection. Its reader, the goroutine of serve, handles the client's frames;
// a second goroutine writes the outbox. The vhost's mutex guards the channels and the state of the
// vhost.
type conn struct {
	broker *Broker
	nc     net.Conn
	log    *slog.Logger
	out    *outbox
	frames *frame.Reader
	beat   chan time.Duration // tells the writer the heartbeat interval, once

	number       int       // counts the broker's connections
	opened       time.Time // when the vhost admitted it
	user         string
	account      *account      // of user; nil until the login
	counted      bool          // among the connections of account; under broker.mu
	mechanism    string        // of the login
	client       frame.Table   // the client's properties
	capabilities frame.Table   // of the client
	heartbeat    time.Duration // 0 disables them
	vhost        *vhost        // nil until the connection is open
	channelMax   int
	frameMax     uint32
	blocked      atomic.Bool         // publishings wait while the memory alarm is on
	parked       int64               // bytes of parked frames
	holding      atomic.Int64        // memory of the deliveries that the client has not settled
	borrowed     int64               // memory of what it published during the alarm, less what it settled; under vhost.mu
	woken        chan struct{}       // receives when parked frames may be handled; capacity 1
	channels     map[uint16]*channel // changed only by the reader, under vhost.mu
	unconfirmed  []*channel          // channels with publishings to confirm before the reader waits

	mu          sync.Mutex
	closing     time.Time // when the client must confirm our connection.close; zero if none was sent
	interrupted bool      // the read deadline was set to wake the reader
}

func newConn(b *Broker, nc net.Conn) *conn {
	c := &conn{
		broker:   b,
		nc:       nc,
		log:      b.log.With("peer", nc.RemoteAddr().String()),
		out:      newOutbox(nc, b.alarm),
		beat:     make(chan time.Duration, 1),
		woken:    make(chan struct{}, 1),
		channels: make(map[uint16]*channel),
	}
	c.frames = frame.NewReader(c)
	return c
}

// serve runs the connection until it ends.
func (c *conn) serve() {
	c.broker.alarm.addObject(connMemory)
	defer func() { c.broker.alarm.addObject(-connMemory - memoryOf(c.client)) }()
	var writer sync.WaitGroup
	writer.Go(func() {
		if err := c.out.write(c.beat, c.resume); err != nil {
			c.out.end()
			c.nc.Close()
		}
	})
	err := c.run()
	c.release()
	if err != nil { // the peer is gone or silent
		c.nc.Close()
	} else {
		c.nc.SetWriteDeadline(time.Now().Add(closeTimeout))
	}
	c.out.end()
	writer.Wait()
	c.nc.Close()
	c.out.drop()
	if err != nil && !c.isClosing() { // the reason for a close was already logged
		c.log.Warn("connection lost", "err", err)
	} else {
		c.log.Debug("connection closed", "err", err)
	}
}

// run reads and handles frames until the connection ends. It returns nil after an orderly close,
// otherwise the socket's error.
func (c *conn) run() error {
	c.nc.SetDeadline(time.Now().Add(handshakeTimeout))
	switch ok, err := c.frames.Protocol(); {
	case err == io.EOF: // a client that only checks whether the port is open
		return nil
	case err != nil:
		return err
	case !ok:
		c.out.protocolHeader()
		return nil
	}
	for err := c.handshake(); err != errOver; err = c.next() {
		if err == nil {
			continue
		}
		e := asException(err)
		if e == nil {
			return c.explain(err)
		}
		c.fail(e)
	}
	return nil
}

// errOver means that the connection was closed in an orderly way.
var errOver = errors.New("closed in order")

// next reads and handles one frame.
func (c *conn) next() error {
	if !c.out.waitRoom(2 * c.heartbeat) {
		return errors.New("the client does not read its replies")
	}
	f, err := c.frames.Next()
	if err != nil {
		return err
	}
	if c.isClosing() {
		return c.handleClosing(f)
	}
	if f.Type == frame.TypeHeartbeat {
		return nil
	}
	if f.Channel == 0 {
		return c.handleConnection(f)
	}
	return c.handleChannel(f)
}

// Read reads from the socket on behalf of the frame reader, which calls it when its buffer is
// empty. It first handles the parked frames, sends the outstanding confirms and sets a new
// deadline. It starts again when it is woken.
func (c *conn) Read(p []byte) (int, error) {
	for {
		c.unpark()
		c.confirm()
		c.setDeadline()
		n, err := c.nc.Read(p)
		if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) || !c.isInterrupted() {
			return n, err
		}
	}
}

// past is a deadline that interrupts a read.
var past = time.Unix(1, 0)

func (c *conn) setDeadline() {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.interrupted: // after unpark: the read returns at once
	case !c.closing.IsZero():
		c.nc.SetReadDeadline(c.closing)
	case c.vhost != nil && c.heartbeat > 0: // the handshake has its own limit
		c.nc.SetReadDeadline(time.Now().Add(2 * c.heartbeat))
	}
}

// isInterrupted reports whether a read ended because the reader was woken.
func (c *conn) isInterrupted() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.interrupted {
		return false
	}
	c.interrupted = false
	if c.closing.IsZero() {
		c.nc.SetReadDeadline(time.Time{})
	}
	return true
}

// explain replaces a timeout error with one that says what timed out.
func (c *conn) explain(err error) error {
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	switch {
	case c.isClosing():
		return errors.New("the client did not confirm connection.close in time")
	case c.vhost == nil:
		return errors.New("the client did not open its connection in time")
	}
	return errors.New("the client missed its heartbeats")
}

// handleConnection handles a frame of channel 0.
func (c *conn) handleConnection(f frame.Frame) error {
	if f.Type != frame.TypeMethod {
		return exceptionf(codeUnexpectedFrame, "expected method frame, got non method frame instead")
	}
	m, err := c.frames.Method(f.Payload)
	if err != nil {
		return err
	}
	switch m.(type) {
	case *frame.ConnectionClose:
		c.waitParked(c.mayDrop)
		c.out.last(&frame.ConnectionCloseOk{})
		return errOver
	case *frame.ConnectionUpdateSecret: // of tokens; a password does not expire
		c.out.method(0, &frame.ConnectionUpdateSecretOk{})
		return nil
	}
	e := exceptionf(codeChannelError, "unexpected method in connection state running")
	e.method = m.ID()
	return e
}

// handleClosing handles a frame received after connection.close was sent. It ignores everything
// except the methods that close the connection.
func (c *conn) handleClosing(f frame.Frame) error {
	if f.Type != frame.TypeMethod || f.Channel != 0 {
		return nil
	}
	m, err := c.frames.Method(f.Payload)
	if err != nil {
		return nil
	}
	switch m.(type) {
	case *frame.ConnectionClose, *frame.ConnectionCloseOk:
		return errOver
	}
	return nil
}

// handleChannel handles a frame of a channel.
func (c *conn) handleChannel(f frame.Frame) error {
	ch := c.channels[f.Channel]
	var m frame.Method
	if f.Type == frame.TypeMethod {
		var err error
		if m, err = c.frames.Method(f.Payload); err != nil {
			return err
		}
	}
	if f.Type == frame.TypeBody && c.broker.alarm.isOver() {
		return errBodies()
	}
	if ch != nil && c.park(ch, f, &m) {
		return nil
	}
	if ch != nil && len(ch.parking.frames) > 0 {
		ch.overtake(m)
	}
	if e := c.dispatch(ch, f, m); e != nil {
		return e
	}
	return nil
}

// dispatch hands a frame to its channel; ch is nil if the channel is not open. An error may close
// only the channel; dispatch returns the exception if it closes the connection.
func (c *conn) dispatch(ch *channel, f frame.Frame, m frame.Method) *exception {
	var err error
	switch _, isOpen := m.(*frame.ChannelOpen); {
	case isOpen && ch == nil:
		err = c.openChannel(f.Channel)
	case isOpen && !ch.closing:
		err = exceptionf(codeChannelError, "second 'channel.open' seen")
	case ch == nil:
		if _, isClosed := m.(*frame.ChannelCloseOk); isClosed {
			return nil
		}
		err = exceptionf(codeChannelError, "expected 'channel.open'")
	default:
		err = ch.handle(f, m)
	}
	e := asException(err)
	if e == nil {
		return nil
	}
	if e.method == 0 && m != nil {
		e.method = m.ID()
	}
	if e.endsConnection() {
		return e
	}
	ch.fail(e)
	return nil
}

func (c *conn) openChannel(id uint16) error {
	if len(c.channels) >= c.channelMax {
		return exceptionf(codeNotAllowed, "number of channels opened (%d) has reached the negotiated channel_max (%d)",
			len(c.channels), c.channelMax)
	}
	if most := c.account.maxChannels; most > 0 && c.account.channels.Load() >= int64(most) {
		return exceptionf(codeNotAllowed, "number of channels opened for user '%s' has reached the maximum allowed user limit of (%d)", c.user, most)
	}
	if err := c.broker.alarm.checkObjects(); err != nil {
		return err
	}
	c.account.channels.Add(1)
	c.vhost.lock()
	c.channels[id] = newChannel(c, id)
	c.vhost.alarm.addObject(channelMemory)
	c.vhost.unlock()
	c.out.method(id, &frame.ChannelOpenOk{})
	return nil
}

// confirm sends confirms for the publishings handled since the last call.
func (c *conn) confirm() {
	for _, ch := range c.unconfirmed {
		ch.confirmPublished()
	}
	c.unconfirmed = c.unconfirmed[:0]
}

// resume resumes deliveries that were held back. The writer calls it.
func (c *conn) resume() {
	v := c.vhost
	v.lock()
	defer v.unlock()
	for _, ch := range c.channels {
		ch.wake()
	}
}

// fail closes the connection because of an error of the client.
func (c *conn) fail(e *exception) {
	if c.isClosing() {
		return
	}
	c.log.Warn("closing a connection", "reply", clip.Text(e.text, clip.Log), "method", e.method)
	c.release()
	c.close(e, closeTimeout)
}

// close sends connection.close, unless it was sent before. Any goroutine may call it. The reader
// continues until the client confirms, or until timeout.
func (c *conn) close(e *exception, timeout time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closing.IsZero() {
		return
	}
	c.closing = time.Now().Add(timeout)
	c.nc.SetReadDeadline(c.closing)
	c.out.last(e.close())
}

func (c *conn) isClosing() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.closing.IsZero()
}

// release ends the connection's channels and consumers, requeues its unacknowledged messages, and
// deletes its exclusive queues.
func (c *conn) release() {
	if c.vhost == nil {
		return
	}
	c.confirm()
	for _, ch := range c.channels {
		ch.admit()
	}
	if c.blocked.Swap(false) {
		c.broker.alarm.unblock(c)
	}
	c.vhost.lock()
	defer c.vhost.unlock()
	release(slices.Collect(maps.Values(c.channels))...)
	for _, ch := range c.channels {
		ch.remove()
	}
	c.vhost.releaseExclusive(c)
	delete(c.vhost.conns, c)
}
