package broker

import (
	"crypto/tls"
	"net"
	"runtime"
	"strings"
	"time"

	"github.com/gomeko/gomeko/internal/clip"
	"github.com/gomeko/gomeko/internal/frame"
)

// rabbitVersion is the version of RabbitMQ that the broker imitates.
const rabbitVersion = "3.10.8"

// serverProperties are the properties in connection.start. The capabilities have RabbitMQ's names,
// and only those that the broker supports are listed.
func serverProperties() frame.Table {
	return frame.Table{
		{Name: "capabilities", Value: frame.Table{
			{Name: "publisher_confirms", Value: true},
			{Name: "exchange_exchange_bindings", Value: true},
			{Name: "basic.nack", Value: true},
			{Name: "consumer_cancel_notify", Value: true},
			{Name: "connection.blocked", Value: true},
			{Name: "consumer_priorities", Value: true},
			{Name: "authentication_failure_close", Value: true},
			{Name: "per_consumer_qos", Value: true},
			{Name: "direct_reply_to", Value: true},
		}},
		{Name: "product", Value: "RabbitMQ"}, // clients check product and version before they use an extension
		{Name: "version", Value: rabbitVersion},
		{Name: "platform", Value: runtime.Version()},
		{Name: "cluster_name", Value: clusterName},
		{Name: "information", Value: "gomeko's embedded broker, in the manner of RabbitMQ: in memory, one process"},
	}
}

// handshake negotiates the connection, from connection.start to connection.open.
func (c *conn) handshake() error {
	c.out.method(0, &frame.ConnectionStart{
		VersionMajor: 0, VersionMinor: 9,
		ServerProperties: serverProperties(),
		Mechanisms:       c.mechanisms(),
		Locales:          "en_US",
	})
	start, err := expect[*frame.ConnectionStartOk](c, "starting")
	if err != nil {
		return err
	}
	c.client, c.mechanism = start.ClientProperties, start.Mechanism
	c.broker.alarm.addObject(memoryOf(c.client))
	if name := c.givenName(); name != "" {
		c.log = c.log.With("connection", clip.Text(name, clip.Name))
	}
	if capabilities, ok := start.ClientProperties.Get("capabilities"); ok {
		c.capabilities, _ = capabilities.(frame.Table)
	}
	if err := c.login(start); err != nil {
		return err
	}
	if err := c.tune(); err != nil {
		return err
	}
	open, err := expect[*frame.ConnectionOpen](c, "opening")
	if err != nil {
		return err
	}
	c.log = c.log.With("user", c.user, "vhost", clip.Text(open.VirtualHost, clip.Name))
	if e := c.enter(open.VirtualHost); e != nil {
		e.method = open.ID()
		return e
	}
	c.nc.SetDeadline(time.Time{})
	c.out.method(0, &frame.ConnectionOpenOk{})
	c.log.Debug("connection opened")
	return nil
}

// enter opens the connection to a virtual host.
func (c *conn) enter(name string) *exception {
	v := c.broker.vhost(name)
	switch {
	case v == nil:
		return exceptionf(codeNotAllowed, "vhost %s not found", name)
	case c.account.in(name) == nil:
		return exceptionf(codeNotAllowed, "access to vhost '%s' refused for user '%s'", name, c.user)
	}
	if e := c.admitUser(); e != nil {
		return e
	}
	v.lock()
	defer v.unlock()
	switch {
	case v.removed:
		return exceptionf(codeNotAllowed, "vhost %s not found", name)
	case v.limits.conns > 0 && len(v.conns) >= v.limits.conns:
		return exceptionf(codeNotAllowed, "access to vhost '%s' refused for user '%s': connection limit (%d) is reached",
			name, c.user, v.limits.conns)
	}
	c.vhost, c.opened = v, time.Now()
	v.conns[c] = struct{}{}
	return nil
}

// admitUser counts the connection towards its user's limit, or returns an exception if there are
// too many.
func (c *conn) admitUser() *exception {
	c.broker.mu.Lock()
	defer c.broker.mu.Unlock()
	if most := c.account.maxConns; most > 0 && c.account.conns >= most {
		return exceptionf(codeNotAllowed, "connection refused for user '%s': user connection limit (%d) is reached", c.user, most)
	}
	c.account.conns++
	c.counted = true
	return nil
}

// expect reads a method on channel 0, which must be an M.
func expect[M frame.Method](c *conn, state string) (M, error) {
	var none M
	for {
		f, err := c.frames.Next()
		if err != nil {
			return none, err
		}
		if c.isClosing() {
			if err := c.handleClosing(f); err != nil {
				return none, err
			}
			continue
		}
		if f.Type == frame.TypeHeartbeat {
			continue
		}
		if f.Type != frame.TypeMethod || f.Channel != 0 {
			return none, exceptionf(codeUnexpectedFrame, "expected method frame, got non method frame instead")
		}
		m, err := c.frames.Method(f.Payload)
		if err != nil {
			return none, err
		}
		switch m := m.(type) {
		case M:
			return m, nil
		case *frame.ConnectionClose:
			c.out.last(&frame.ConnectionCloseOk{})
			return none, errOver
		}
		e := exceptionf(codeChannelError, "unexpected method in connection state %s", state)
		e.method = m.ID()
		return none, e
	}
}

// login authenticates the client.
func (c *conn) login(m *frame.ConnectionStartOk) error {
	var user, password string
	external := false
	switch m.Mechanism {
	case "PLAIN":
		user, password = plain(m.Response)
	case "AMQPLAIN":
		user, password = amqplain(m.Response)
	case "EXTERNAL":
		user, external = c.certified()
	default:
		return exceptionf(codeAccessRefused, "Login was refused using authentication mechanism %s. "+
			"For details see the broker logfile.", m.Mechanism)
	}
	c.user = user
	if external {
		c.account = c.broker.user(user)
	} else {
		c.account = c.broker.knows(user, password)
	}
	switch {
	case external && c.account == nil:
		c.log.Warn("login refused: the client's certificate names no user", "user", clip.Text(user, clip.Name))
	case m.Mechanism == "EXTERNAL" && !external:
		c.log.Warn("login refused: the client has no certificate that the broker verifies")
	case c.account == nil:
		c.log.Warn("login refused: unknown user or wrong password", "user", clip.Text(user, clip.Name))
	case user == "guest" && !isLocal(c.nc.RemoteAddr()):
		c.log.Warn("login refused: guest may connect from this machine only", "user", clip.Text(user, clip.Name))
	default:
		return nil
	}
	if can, _ := c.capabilities.Get("authentication_failure_close"); can != true {
		return errOver // such a client expects the connection to be cut
	}
	return exceptionf(codeAccessRefused, "Login was refused using authentication mechanism %s. "+
		"For details see the broker logfile.", m.Mechanism)
}

// mechanisms returns the login mechanisms that the connection supports.
func (c *conn) mechanisms() string {
	if _, isTLS := c.nc.(*tls.Conn); isTLS && c.broker.tls.ClientAuth >= tls.VerifyClientCertIfGiven {
		return "PLAIN AMQPLAIN EXTERNAL"
	}
	return "PLAIN AMQPLAIN"
}

// certified returns the user named by the client's certificate. It returns false if the client has
// no certificate, or an unverified one.
func (c *conn) certified() (user string, ok bool) {
	nc, isTLS := c.nc.(*tls.Conn)
	if !isTLS || len(nc.ConnectionState().VerifiedChains) == 0 {
		return "", false
	}
	subject := nc.ConnectionState().PeerCertificates[0].Subject
	if c.broker.loginFrom == LoginFromDistinguishedName {
		return subject.String(), true
	}
	return subject.CommonName, true
}

// plain parses a response of the PLAIN mechanism: "\0user\0password".
func plain(response string) (user, password string) {
	_, rest, _ := strings.Cut(response, "\x00")
	user, password, _ = strings.Cut(rest, "\x00")
	return user, password
}

// amqplain parses a response of the AMQPLAIN mechanism: a table without its size.
func amqplain(response string) (user, password string) {
	t, err := frame.ParseTable([]byte(response))
	if err != nil {
		return "", ""
	}
	login, _ := t.Get("LOGIN")
	secret, _ := t.Get("PASSWORD")
	user, _ = login.(string)
	password, _ = secret.(string)
	return user, password
}

// isLocal reports whether an address is on this machine or in this process.
func isLocal(addr net.Addr) bool {
	tcp, ok := addr.(*net.TCPAddr)
	return !ok || tcp.IP.IsLoopback()
}

// tune negotiates channels, frame size and heartbeat.
func (c *conn) tune() error {
	suggested := uint16(min(c.broker.heartbeat/time.Second, 1<<16-1))
	c.out.method(0, &frame.ConnectionTune{ChannelMax: uint16(c.broker.channelMax), FrameMax: frameMax, Heartbeat: suggested})
	m, err := expect[*frame.ConnectionTuneOk](c, "tuning")
	if err != nil {
		return err
	}
	if err := negotiate("channel_max", uint32(m.ChannelMax), 1, uint32(c.broker.channelMax)); err != nil {
		return err
	}
	if err := negotiate("frame_max", m.FrameMax, frame.MinSize, frameMax); err != nil {
		return err
	}
	c.channelMax, c.frameMax = int(m.ChannelMax), m.FrameMax
	c.frames.SetMaxSize(m.FrameMax)
	c.out.setMaxSize(m.FrameMax)
	c.heartbeat = time.Duration(m.Heartbeat) * time.Second
	c.beat <- c.heartbeat / 2
	return nil
}

// negotiate checks the value that a client chose; 0 means no limit.
func negotiate(name string, chosen, least, most uint32) error {
	switch {
	case chosen == 0 || chosen > most:
		return exceptionf(codeNotAllowed, "negotiated %s = %d is higher than the maximum allowed value (%d)", name, chosen, most)
	case chosen < least:
		return exceptionf(codeNotAllowed, "negotiated %s = %d is lower than the minimum allowed value (%d)", name, chosen, least)
	}
	return nil
}
