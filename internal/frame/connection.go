package frame

func newConnectionMethod(id ID) Method {
	switch id {
	case connection | 10:
		return new(ConnectionStart)
	case connection | 11:
		return new(ConnectionStartOk)
	case connection | 30:
		return new(ConnectionTune)
	case connection | 31:
		return new(ConnectionTuneOk)
	case connection | 40:
		return new(ConnectionOpen)
	case connection | 41:
		return new(ConnectionOpenOk)
	case connection | 50:
		return new(ConnectionClose)
	case connection | 51:
		return new(ConnectionCloseOk)
	case connection | 60:
		return new(ConnectionBlocked)
	case connection | 61:
		return new(ConnectionUnblocked)
	case connection | 70:
		return new(ConnectionUpdateSecret)
	case connection | 71:
		return new(ConnectionUpdateSecretOk)
	}
	return nil
}

// A ConnectionStart opens the negotiation, from the server.
type ConnectionStart struct {
	VersionMajor     uint8
	VersionMinor     uint8
	ServerProperties Table
	Mechanisms       string
	Locales          string
}

// ID returns 10.10.
func (*ConnectionStart) ID() ID { return connection | 10 }

func (m *ConnectionStart) fields(c *codec) {
	c.octet(&m.VersionMajor)
	c.octet(&m.VersionMinor)
	c.table(&m.ServerProperties)
	c.longstr(&m.Mechanisms)
	c.longstr(&m.Locales)
}

// A ConnectionStartOk chooses a login mechanism and logs in.
type ConnectionStartOk struct {
	ClientProperties Table
	Mechanism        string
	Response         string
	Locale           string
}

// ID returns 10.11.
func (*ConnectionStartOk) ID() ID { return connection | 11 }

func (m *ConnectionStartOk) fields(c *codec) {
	c.table(&m.ClientProperties)
	c.shortstr(&m.Mechanism)
	c.longstr(&m.Response)
	c.shortstr(&m.Locale)
}

// A ConnectionTune proposes limits; Heartbeat is in seconds.
type ConnectionTune struct {
	ChannelMax uint16
	FrameMax   uint32
	Heartbeat  uint16
}

// ID returns 10.30.
func (*ConnectionTune) ID() ID { return connection | 30 }

func (m *ConnectionTune) fields(c *codec) {
	c.short(&m.ChannelMax)
	c.long(&m.FrameMax)
	c.short(&m.Heartbeat)
}

// A ConnectionTuneOk sets the limits.
type ConnectionTuneOk struct {
	ChannelMax uint16
	FrameMax   uint32
	Heartbeat  uint16
}

// ID returns 10.31.
func (*ConnectionTuneOk) ID() ID { return connection | 31 }

func (m *ConnectionTuneOk) fields(c *codec) {
	c.short(&m.ChannelMax)
	c.long(&m.FrameMax)
	c.short(&m.Heartbeat)
}

// A ConnectionOpen chooses the virtual host.
type ConnectionOpen struct {
	VirtualHost string
}

// ID returns 10.40.
func (*ConnectionOpen) ID() ID { return connection | 40 }

func (m *ConnectionOpen) fields(c *codec) {
	c.shortstr(&m.VirtualHost)
	c.shortstr(new(string)) // reserved
	c.bits(new(bool))       // reserved
}

// A ConnectionOpenOk says that the connection is ready.
type ConnectionOpenOk struct{}

// ID returns 10.41.
func (*ConnectionOpenOk) ID() ID { return connection | 41 }

func (m *ConnectionOpenOk) fields(c *codec) {
	c.shortstr(new(string)) // reserved
}

// A ConnectionClose closes the connection. It names the method that caused it, if any.
type ConnectionClose struct {
	ReplyCode uint16
	ReplyText string
	ClassID   uint16
	MethodID  uint16
}

// ID returns 10.50.
func (*ConnectionClose) ID() ID { return connection | 50 }

func (m *ConnectionClose) fields(c *codec) {
	c.short(&m.ReplyCode)
	c.shortstr(&m.ReplyText)
	c.short(&m.ClassID)
	c.short(&m.MethodID)
}

// A ConnectionCloseOk is the last frame of a connection.
type ConnectionCloseOk struct{}

// ID returns 10.51.
func (*ConnectionCloseOk) ID() ID { return connection | 51 }

func (m *ConnectionCloseOk) fields(*codec) {}

// A ConnectionBlocked tells a client that the broker has stopped reading its publishings.
type ConnectionBlocked struct {
	Reason string
}

// ID returns 10.60.
func (*ConnectionBlocked) ID() ID { return connection | 60 }

func (m *ConnectionBlocked) fields(c *codec) {
	c.shortstr(&m.Reason)
}

// A ConnectionUnblocked ends a [ConnectionBlocked].
type ConnectionUnblocked struct{}

// ID returns 10.61.
func (*ConnectionUnblocked) ID() ID { return connection | 61 }

func (m *ConnectionUnblocked) fields(*codec) {}

// A ConnectionUpdateSecret renews the client's credentials before they expire.
type ConnectionUpdateSecret struct {
	NewSecret string
	Reason    string
}

// ID returns 10.70.
func (*ConnectionUpdateSecret) ID() ID { return connection | 70 }

func (m *ConnectionUpdateSecret) fields(c *codec) {
	c.longstr(&m.NewSecret)
	c.shortstr(&m.Reason)
}

// A ConnectionUpdateSecretOk confirms a [ConnectionUpdateSecret].
type ConnectionUpdateSecretOk struct{}

// ID returns 10.71.
func (*ConnectionUpdateSecretOk) ID() ID { return connection | 71 }

func (m *ConnectionUpdateSecretOk) fields(*codec) {}
