package timers

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/config"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/timer"
)

// Module is the application.
var Module = fx.Module("watchman",
	config.Provide("watchman", Settings{Site: "https://example.org"}),
	fx.Provide(NewSite, func() *Book { return new(Book) }, func() Tell { return print }),
	service.Provide(new(Watchman)),
)

// Settings are the key watchman of the configuration.
type Settings struct {
	Site string `yaml:"site"` // its URL
}

// Watchman looks after a website.
type Watchman struct {
	_ service.Name `service:"watchman"`

	Entrypoints struct {
		Look   timer.Interval `timer:"30s" eager:"true" jitter:"5s" timeout:"10s"`
		Report timer.Interval `timer:"10m" late:"catchup"`
	}

	Site Site  `inject:""`
	Book *Book `inject:""`
	Tell Tell  `inject:""`
}

// Tell tells somebody a line.
type Tell func(ctx context.Context, line string) error

// Look writes into the book whether the site answers. That it does not is an error, and so in the log.
func (w *Watchman) Look(ctx context.Context) error {
	at := time.Now()
	err := w.Site.Get(ctx)
	w.Book.Add(at, err == nil)
	return err
}

// Report tells how the site did in the time before the tick, however late it is.
func (w *Watchman) Report(ctx context.Context, tick timer.Tick) error {
	answered, looks := w.Book.Before(tick.Time)
	line := fmt.Sprintf("%s %s: %d of %d", tick.Time.Format("15:04"), w.Site.URL, answered, looks)
	return w.Tell(ctx, line)
}

func print(_ context.Context, line string) error {
	_, err := fmt.Println(line)
	return err
}
