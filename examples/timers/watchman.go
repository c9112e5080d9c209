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

// Module contains the application.
var Module = fx.Module("watchman",
	config.Provide("watchman", Settings{Site: "https://example.org"}),
	fx.Provide(NewSite, func() *Book { return new(Book) }, func() Tell { return print }),
	service.Provide(new(Watchman)),
)

// Settings is the key watchman of the configuration.
type Settings struct {
	Site string `yaml:"site"` // its URL
}

// Watchman checks a website.
type Watchman struct {
	_ service.Name `service:"watchman"`

	Entrypoints struct {
		Look   timer.Interval `timer:"30s" eager:"true" jitter:"5s" timeout:"10s"`
		Report timer.Interval `timer:"10m" missed:"all"`
	}

	Site Site  `inject:""`
	Book *Book `inject:""`
	Tell Tell  `inject:""`
}

// Tell delivers a line of the report.
type Tell func(ctx context.Context, line string) error

// Look records whether the site answers. If it does not, the error is logged.
func (w *Watchman) Look(ctx context.Context) error {
	at := time.Now()
	err := w.Site.Get(ctx)
	w.Book.Add(at, err == nil)
	return err
}

// Report reports the checks made before the tick, even if the call is late.
func (w *Watchman) Report(ctx context.Context, tick timer.Tick) error {
	answered, looks := w.Book.Before(tick.Nominal)
	line := fmt.Sprintf("%s %s: %d of %d", tick.Nominal.Format("15:04"), w.Site.URL, answered, looks)
	return w.Tell(ctx, line)
}

func print(_ context.Context, line string) error {
	_, err := fmt.Println(line)
	return err
}
