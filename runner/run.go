package runner

import (
	"cmp"
	"context"
	"errors"
	"log/slog"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/internal/isolate"
	"github.com/gomeko/gomeko/internal/secret"
	"github.com/gomeko/gomeko/internal/supervisor"
)

// Config configures [Run]. The zero value works.
type Config struct {
	// File is the path of the configuration, a YAML file in Nameko's format. If it is "", every key
	// has its default.
	File string

	// Broker is the URI of the broker, or "embedded" to host a broker in memory. "" means the
	// AMQP_URI of File, else that of the environment, else amqp://guest:guest@localhost:5672/.
	//
	// An embedded broker listens on the port of the AMQP_URI that would be used without it, if that
	// is on this machine, else on 127.0.0.1:5672.
	Broker string

	// Logger receives all log output. The default is slog.Default(). LOGGING and gomeko.log_format
	// in File have no effect.
	Logger *slog.Logger

	// Only lists the rows to run, as in "images.Resize"; nil means all. The other rows are still
	// checked at start. Rows that share a queue must be run together or not at all.
	Only []string

	// Level is the level of Logger, which the command gomeko level changes temporarily. Without it,
	// that command is refused.
	Level *slog.LevelVar
}

// Run runs the services of opts in a program that has its own main function, flags and logger. It
// blocks until ctx ends, a service fails or the application shuts down. Other programs call [Main].
//
// When ctx ends, Run stops the services in order: they accept no more calls, running calls get the
// configuration's gomeko.grace (25 s) to finish, and any calls left are then killed. Run returns
// nil after an orderly stop; otherwise its error counts the calls that were cut off. If the
// application calls Shutdown of its fx.Shutdowner, Run returns nil for exit code 0 and a
// [*service.ShutdownError] for any other. Before anything starts, Run returns all mistakes in the
// configuration or, if there are none, all mistakes in the services.
//
// Run handles no signals, reads no flags, prints nothing, and leaves slog.Default() alone. It may
// be called several times, also concurrently.
func Run(ctx context.Context, cfg Config, opts ...fx.Option) error {
	child, err := isolate.Join()
	if err != nil {
		return err
	}
	parent, err := supervisor.Join()
	if err != nil {
		return err
	}
	n := notices{log: cmp.Or(cfg.Logger, slog.Default()), parent: parent}
	s, err := load(cfg.File)
	if err != nil {
		return err
	}
	if child != nil {
		p := &process{settings: s, broker: cfg.Broker, child: child}
		return p.runChild(ctx, opts)
	}
	n.warn(s.cfg.Warnings)
	broker := cfg.Broker
	if parent != nil {
		broker = cmp.Or(parent.Broker, broker)
	}
	ctx, leave := untilGone(ctx, parent)
	defer leave()
	p := &process{settings: s, notices: n, broker: broker, only: cfg.Only, level: cfg.Level, args: childArguments()}
	err = p.run(ctx, nil, opts)
	if err != nil && parent != nil {
		parent.Fail(errors.New(secret.Mask(err.Error())))
	}
	return err
}
