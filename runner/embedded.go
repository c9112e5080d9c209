package runner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/gomeko/gomeko/broker"
)

// embeddedBroker, as the value of --broker or Config.Broker, hosts a broker in the process.
const embeddedBroker = "embedded"

// An embedded is a broker that this process hosts.
type embedded struct {
	*broker.Broker
	notices
	instead string // what to do if its port is in use
}

// brokerOf returns the configuration of a broker with the user and the virtual host of u.
func brokerOf(u *url.URL) broker.Config {
	var cfg broker.Config
	if u.User != nil {
		password, _ := u.User.Password()
		cfg.Users = map[string]string{u.User.Username(): password}
	}
	if vhost := strings.TrimPrefix(u.Path, "/"); vhost != "" && vhost != "/" {
		cfg.VHosts = []string{vhost}
	}
	return cfg
}

// newEmbedded returns a broker that is not listening yet.
func newEmbedded(cfg broker.Config, n notices) *embedded {
	cfg.Logger = n.log
	return &embedded{Broker: broker.New(cfg), notices: n}
}

// embeddedAt returns the URI of an embedded broker that stands in for the broker at uri. It has the
// same port and user if uri is on this machine, otherwise the default ones.
func embeddedAt(uri string) *url.URL {
	u, err := url.Parse(uri)
	if err != nil || !loopback(u.Hostname()) {
		return &url.URL{Scheme: "amqp", User: url.UserPassword("guest", "guest"), Host: brokerAddress, Path: "/"}
	}
	u.Scheme = "amqp"
	u.Host = net.JoinHostPort("127.0.0.1", cmp.Or(u.Port(), "5672"))
	return u
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// listen opens the port.
func (e *embedded) listen(address string) error {
	bound, err := e.Listen(address)
	if err != nil {
		if errors.Is(err, syscall.EADDRINUSE) {
			return fmt.Errorf("embedded broker: %s is in use, maybe by a broker: %s", address, e.instead)
		}
		return fmt.Errorf("embedded %w", err)
	}
	e.tell(fmt.Sprintf("embedded broker on %s, in memory: messages are gone when it stops", bound),
		"embedded broker started", "address", bound.String())
	return nil
}

const (
	// takingTime is how long clients have to receive and acknowledge the last replies. When its
	// connection is closed, amqp091-go drops messages that it has read but not delivered.
	takingTime = time.Second

	// partingTime is how long clients then have to close their connections.
	partingTime = 5 * time.Second
)

// stop waits until clients have received the last replies, and closes the broker.
func (e *embedded) stop() {
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for until := time.Now().Add(takingTime); e.Messages() > 0 && time.Now().Before(until); {
		<-look.C
	}
	lost := e.Messages()
	ctx, cancel := context.WithTimeout(context.Background(), partingTime)
	defer cancel()
	_ = e.Close(ctx) // cuts off clients that stay connected
	line := "embedded broker stopped"
	switch lost {
	case 0:
	case 1:
		line += ": 1 queued message is gone"
	default:
		line += fmt.Sprintf(": %d queued messages are gone", lost)
	}
	e.tell(line, "embedded broker stopped", "messages_lost", lost)
}
