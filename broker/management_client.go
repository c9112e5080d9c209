package broker

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"maps"
	"net"
	"slices"
	"time"
)

type connectionJSON struct {
	Name        string         `json:"name"`
	UserName    string         `json:"user_provided_name,omitempty"` // set by the client
	Node        string         `json:"node"`
	VHost       string         `json:"vhost"`
	User        string         `json:"user"`
	Mechanism   string         `json:"auth_mechanism"`
	Protocol    string         `json:"protocol"`
	Type        string         `json:"type"`
	State       string         `json:"state"`
	Channels    int            `json:"channels"`
	ChannelMax  int            `json:"channel_max"`
	FrameMax    uint32         `json:"frame_max"`
	Timeout     int            `json:"timeout"` // seconds between heartbeats
	ConnectedAt int64          `json:"connected_at"`
	ClientProps map[string]any `json:"client_properties"`
	SSL         bool           `json:"ssl"`
	Host        string         `json:"host"`
	Port        int            `json:"port"`
	ActingUser  string         `json:"user_who_performed_action"`
	peerJSON
	tlsJSON
}

// A tlsJSON holds the TLS fields of a connection without TLS, as RabbitMQ reports them: null in a
// list of connections, "" for a single one.
type tlsJSON struct {
	Issuer      *string `json:"peer_cert_issuer"`
	Subject     *string `json:"peer_cert_subject"`
	Validity    *string `json:"peer_cert_validity"`
	Cipher      *string `json:"ssl_cipher"`
	Hash        *string `json:"ssl_hash"`
	KeyExchange *string `json:"ssl_key_exchange"`
	Protocol    *string `json:"ssl_protocol"`
}

type peerJSON struct {
	PeerHost string `json:"peer_host"`
	PeerPort int    `json:"peer_port"`
}

func (c *conn) peer() peerJSON {
	host, port := hostPort(c.nc.RemoteAddr())
	return peerJSON{host, port}
}

// name identifies the connection by its two ends, as RabbitMQ does.
func (c *conn) name() string {
	if _, isMemory := c.nc.RemoteAddr().(memoryAddr); isMemory {
		return fmt.Sprintf("memory:%d -> memory", c.number)
	}
	return c.nc.RemoteAddr().String() + " -> " + c.nc.LocalAddr().String()
}

// givenName returns the name that the client has given its connection, or "".
func (c *conn) givenName() string {
	given, _ := c.client.Get("connection_name")
	name, _ := given.(string)
	return name
}

func hostPort(addr net.Addr) (host string, port int) {
	if tcp, ok := addr.(*net.TCPAddr); ok {
		return tcp.IP.String(), tcp.Port
	}
	return addr.String(), 0
}

// json describes the connection. Its virtual host must be locked.
func (c *conn) json() connectionJSON {
	_, isTLS := c.nc.(*tls.Conn)
	host, port := hostPort(c.nc.LocalAddr())
	state := "running"
	if c.blocked.Load() {
		state = "blocked"
	}
	return connectionJSON{
		Name: c.name(), UserName: c.givenName(), Node: nodeName, VHost: c.vhost.name, User: c.user,
		Mechanism: c.mechanism, Protocol: "AMQP 0-9-1", Type: "network", State: state,
		Channels: len(c.channels), ChannelMax: c.channelMax, FrameMax: c.frameMax,
		Timeout: int(c.heartbeat / time.Second), ConnectedAt: c.opened.UnixMilli(),
		ClientProps: jsonTable(c.client), SSL: isTLS, Host: host, Port: port, ActingUser: c.user, peerJSON: c.peer(),
	}
}

func (r *request) connections() (any, error) {
	return collect(r, func(v *vhost) (all []connectionJSON) {
		for _, c := range v.clients() {
			all = append(all, c.json())
		}
		return all
	})
}

// named returns the connection in the path, or nil if it is not on virtual host v.
func (r *request) named(v *vhost) *conn {
	for c := range v.conns {
		if c.name() == r.PathValue("name") {
			return c
		}
	}
	return nil
}

func (r *request) getConnection() (any, error) {
	return find(r, func(v *vhost) any {
		if c := r.named(v); c != nil {
			j, empty := c.json(), ""
			j.tlsJSON = tlsJSON{&empty, &empty, &empty, &empty, &empty, &empty, &empty}
			return j
		}
		return nil
	})
}

func (r *request) deleteConnection() (any, error) {
	reason := cmp.Or(r.Header.Get("X-Reason"), "Closed via management plugin")
	_, err := find(r, func(v *vhost) any {
		c := r.named(v)
		if c == nil {
			return nil
		}
		c.close(exceptionf(codeConnectionForced, "%s", reason), closeTimeout)
		return c
	})
	return nil, err
}

type channelJSON struct {
	Name           string `json:"name"`
	Number         uint16 `json:"number"`
	Node           string `json:"node"`
	VHost          string `json:"vhost"`
	User           string `json:"user"`
	State          string `json:"state"`
	Prefetch       int    `json:"prefetch_count"`
	GlobalPrefetch int    `json:"global_prefetch_count"`
	Consumers      int    `json:"consumer_count"`
	Confirm        bool   `json:"confirm"`
	Transactional  bool   `json:"transactional"`
	Unacked        int    `json:"messages_unacknowledged"`
	Unconfirmed    int    `json:"messages_unconfirmed"`
	Uncommitted    int    `json:"messages_uncommitted"`
	Connection     struct {
		Name string `json:"name"`
		peerJSON
	} `json:"connection_details"`
	AcksUncommitted int    `json:"acks_uncommitted"`
	ActingUser      string `json:"user_who_performed_action"`

	// Set only when one channel is requested. The last two are rates, which are not measured.
	Details    []consumerJSON `json:"consumer_details,omitzero"`
	Deliveries []struct{}     `json:"deliveries,omitzero"`
	Publishes  []struct{}     `json:"publishes,omitzero"`
}

func (ch *channel) name() string { return fmt.Sprintf("%s (%d)", ch.conn.name(), ch.id) }

// json describes the channel. Its virtual host must be locked.
func (ch *channel) json() channelJSON {
	j := channelJSON{
		Name: ch.name(), Number: ch.id, Node: nodeName, VHost: ch.vhost.name, User: ch.conn.user, State: "running",
		Prefetch: ch.prefetch, GlobalPrefetch: ch.limit, Consumers: len(ch.listed()),
		ActingUser: ch.conn.user, Confirm: ch.confirming, Transactional: ch.tx != nil, Unacked: len(ch.unsettled.byTag),
	}
	if ch.tx != nil {
		j.Uncommitted = len(ch.tx.publishings)
		for _, s := range ch.tx.settlements {
			j.AcksUncommitted += len(s.taken)
		}
	}
	j.Connection.Name, j.Connection.peerJSON = ch.conn.name(), ch.conn.peer()
	return j
}

// listed returns the channel's consumers, except the one for direct reply-to.
func (ch *channel) listed() []*consumer {
	return slices.DeleteFunc(sorted(ch.consumers), func(c *consumer) bool { return c.queue == ch.replies })
}

// open returns the channels of a connection that are not closing.
func (c *conn) open() []*channel {
	var open []*channel
	for _, id := range slices.Sorted(maps.Keys(c.channels)) {
		if ch := c.channels[id]; !ch.closing {
			open = append(open, ch)
		}
	}
	return open
}

// channels returns the channels of a virtual host, of a connection, or all channels.
func (r *request) channels() (any, error) {
	found := false
	name := r.PathValue("name")
	answer, err := collect(r, func(v *vhost) (all []channelJSON) {
		for _, c := range v.clients() {
			if name != "" && c.name() != name {
				continue
			}
			found = true
			for _, ch := range c.open() {
				all = append(all, ch.json())
			}
		}
		return all
	})
	if err == nil && name != "" && !found {
		return nil, errNoObject
	}
	return answer, err
}

func (r *request) getChannel() (any, error) {
	return find(r, func(v *vhost) any {
		for c := range v.conns {
			for _, ch := range c.open() {
				if ch.name() == r.PathValue("name") {
					return ch.detailed()
				}
			}
		}
		return nil
	})
}

// detailed is like json, with the channel's consumers.
func (ch *channel) detailed() channelJSON {
	j := ch.json()
	j.Details, j.Deliveries, j.Publishes = []consumerJSON{}, []struct{}{}, []struct{}{}
	for _, c := range ch.listed() {
		j.Details = append(j.Details, c.json())
	}
	return j
}

type consumerJSON struct {
	Tag         string         `json:"consumer_tag"`
	AckRequired bool           `json:"ack_required"`
	Exclusive   bool           `json:"exclusive"`
	Active      bool           `json:"active"`
	Activity    string         `json:"activity_status"`
	Prefetch    int            `json:"prefetch_count"`
	Arguments   map[string]any `json:"arguments"`
	Queue       struct {
		Name  string `json:"name"`
		VHost string `json:"vhost"`
	} `json:"queue"`
	Channel struct {
		Name       string `json:"name"`
		Number     uint16 `json:"number"`
		Connection string `json:"connection_name"`
		Node       string `json:"node"`
		User       string `json:"user"`
		peerJSON
	} `json:"channel_details"`
}

// json describes the consumer. Its virtual host must be locked.
func (c *consumer) json() consumerJSON {
	q, ch := c.queue, c.channel
	j := consumerJSON{
		Tag: c.tag, AckRequired: !c.noAck, Exclusive: q.exclusive == c, Prefetch: c.prefetch,
		Active: true, Activity: "up", Arguments: jsonTable(c.arguments),
	}
	if q.singleActive {
		j.Active, j.Activity = q.active == c, "waiting"
		if j.Active {
			j.Activity = "single_active"
		}
	}
	j.Queue.Name, j.Queue.VHost = q.name, q.vhost.name
	j.Channel.Name, j.Channel.Number, j.Channel.Node = ch.name(), ch.id, nodeName
	j.Channel.Connection, j.Channel.User, j.Channel.peerJSON = ch.conn.name(), ch.conn.user, ch.conn.peer()
	return j
}

func (r *request) consumers() (any, error) {
	return collect(r, func(v *vhost) (all []consumerJSON) {
		for _, q := range sorted(v.queues) {
			all = append(all, q.details()...)
		}
		return all
	})
}

// details describes the consumers of a queue.
func (q *queue) details() []consumerJSON {
	all := []consumerJSON{}
	for _, c := range q.consumers {
		all = append(all, c.json())
	}
	return all
}
