package prometheus_test

import (
	"context"
	"fmt"
	"log/slog"

	client "github.com/prometheus/client_golang/prometheus"
	"go.uber.org/fx"

	"github.com/gomeko/gomeko/observe/prometheus"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/timer"
)

// Cleaner removes expired entries and counts them.
type Cleaner struct {
	_ service.Name `service:"cleaner"`

	Entrypoints struct {
		Clean timer.Interval `timer:"1h"`
	}

	Removed client.Counter `inject:""`
}

func (c *Cleaner) Clean(context.Context) error {
	c.Removed.Add(3)
	return nil
}

// newRemoved creates one of the service's own metrics. [prometheus.Module] provides the registerer.
func newRemoved(r client.Registerer) (client.Counter, error) {
	c := client.NewCounter(client.CounterOpts{Name: "cleaner_removed_total", Help: "What has expired and was removed."})
	return c, r.Register(c)
}

// A program passes the module next to those of its services:
//
//	func main() { runner.Main(module, prometheus.Module(prometheus.Config{})) }
func ExampleModule() {
	module := fx.Module("cleaner", service.Provide(new(Cleaner)), fx.Provide(newRemoved))
	c, err := service.New(service.Config{Logger: slog.New(slog.DiscardHandler)}, module, prometheus.Module(prometheus.Config{}))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(c.Names())
	// Output: [cleaner]
}
