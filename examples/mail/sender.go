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

// A Sender sends a message, when ctx does not end before. As the field of a service, `mail:"accounts@example.org"` is
// the address it sends from; in a test of the service any func is one. Several goroutines may call it.
type Sender func(ctx context.Context, m Message) error

// A Message is plain text to one address.
type Message struct{ To, Subject, Text string }

// Config is the key mail of the configuration.
type Config struct {
	Relay       string `yaml:"relay"`       // host:port
	Connections int    `yaml:"connections"` // at most, for all services of the process
}

// Module reads the configuration. Tests put fx.Replace(mail.Config{…}) beside it.
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
	p, poolErr := service.Shared(f.Host, newPool) // the first field makes it, and the container starts and stops it
	if err := errors.Join(f.Tag.Keys("mail"), err, poolErr); err != nil {
		return nil, err
	}
	return Sender(func(ctx context.Context, m Message) error { return p.send(ctx, from, m) }), nil
}
