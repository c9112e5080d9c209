package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/gomeko/gomeko/broker"
)

// An embedded broker is one that this process hosts.
type embedded struct {
	*broker.Broker
	out io.Writer // of its two lines
}

// newEmbedded returns a broker that knows the user and the virtual host of u. It does not listen yet.
func newEmbedded(u *url.URL, out io.Writer) *embedded {
	var cfg broker.Config
	if u.User != nil {
		password, _ := u.User.Password()
		cfg.Users = map[string]string{u.User.Username(): password}
	}
	if vhost := strings.TrimPrefix(u.Path, "/"); vhost != "" && vhost != "/" {
		cfg.VHosts = []string{vhost}
	}
	return &embedded{broker.New(cfg), out}
}

// listen opens the port and says so.
func (e *embedded) listen(address string) error {
	bound, err := e.Listen(address)
	if err != nil {
		if errors.Is(err, syscall.EADDRINUSE) {
			return fmt.Errorf("embedded broker: %s is in use: a broker runs there already? Leave --broker embedded away to use that one", address)
		}
		return fmt.Errorf("embedded %w", err)
	}
	say(e.out, "embedded broker on %s, in memory: messages are gone when it stops", bound)
	return nil
}

// partingTime is how long an embedded broker's clients have to take what was sent to them.
const partingTime = 5 * time.Second

// stop lets the last replies out and says what is lost.
func (e *embedded) stop() {
	lost := e.Messages()
	ctx, cancel := context.WithTimeout(context.Background(), partingTime)
	defer cancel()
	_ = e.Close(ctx) // a client that does not take its replies is cut
	switch lost {
	case 0:
		say(e.out, "embedded broker stopped")
	case 1:
		say(e.out, "embedded broker stopped: 1 queued message is gone")
	default:
		say(e.out, "embedded broker stopped: %d queued messages are gone", lost)
	}
}
