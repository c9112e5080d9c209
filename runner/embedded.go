package runner

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/gomeko/gomeko/broker"
)

// An embedded broker is one that this process hosts.
type embedded struct {
	*broker.Broker
	notices
	instead string // what to do when its port is taken
}

// newEmbedded returns a broker that knows the user and the virtual host of u. It does not listen yet.
func newEmbedded(u *url.URL, n notices) *embedded {
	cfg := broker.Config{Logger: n.log}
	if u.User != nil {
		password, _ := u.User.Password()
		cfg.Users = map[string]string{u.User.Username(): password}
	}
	if vhost := strings.TrimPrefix(u.Path, "/"); vhost != "" && vhost != "/" {
		cfg.VHosts = []string{vhost}
	}
	return &embedded{Broker: broker.New(cfg), notices: n}
}

// listen opens the port and says so.
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
	// takingTime is how long clients have to take the last replies. They acknowledge what they took; what
	// amqp091-go has read and not yet handed on when its connection is closed, it drops.
	takingTime = time.Second

	// partingTime is how long they then have to say goodbye.
	partingTime = 5 * time.Second
)

// stop lets the last replies out and says what is lost.
func (e *embedded) stop() {
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for until := time.Now().Add(takingTime); e.Messages() > 0 && time.Now().Before(until); {
		<-look.C
	}
	lost := e.Messages()
	ctx, cancel := context.WithTimeout(context.Background(), partingTime)
	defer cancel()
	_ = e.Close(ctx) // who does not go is cut off
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
