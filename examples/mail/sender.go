package mail

import (
	"context"
	"errors"
	"fmt"
	"net/mail"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/config"
	"github.com/gomeko/gomeko/service"
)

// A Sender sends a message. It returns an error if ctx ends first. As a field of a service, its tag
// is the sender's address, `mail:"accounts@example.org"`. In a test of the service, any func will
// do. Several goroutines may call it.
type Sender func(ctx context.Context, m Message) error

// A Message is plain text for one recipient.
type Message struct{ To, Subject, Text string }

// Config is the key mail of the configuration.
type Config struct {
	Relay       string `yaml:"relay"`       // host:port
	Connections int    `yaml:"connections"` // the most that the process opens
}

// Module reads the configuration. A test replaces it with fx.Replace(mail.Config{…}).
var Module = fx.Module("mail",
	config.Provide("mail", Config{Relay: "localhost:25", Connections: 4}),
	service.Configure[Config](),
)

// Dependency makes the Sender of a field: it implements [service.DependencyType].
func (Sender) Dependency(f *service.Field) (any, error) {
	from, err := mail.ParseAddress(f.Tag.Get("mail"))
	if err != nil {
		err = fmt.Errorf(`%w: write the address to send from, as in mail:"accounts@example.org"`, err)
	}
	p, poolErr := service.Shared(f.Host, newPool) // made for the first field, returned for the others
	if err := errors.Join(f.Tag.Keys("mail"), err, poolErr); err != nil {
		return nil, err
	}
	return Sender(func(ctx context.Context, m Message) error { return p.send(ctx, from, m) }), nil
}
