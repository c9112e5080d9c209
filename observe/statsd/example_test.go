package statsd_test

import (
	"context"
	"fmt"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/observe/statsd"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Search counts its queries, in addition to the metrics that are sent for every call.
type Search struct {
	_ service.Name `service:"search"`

	Entrypoints struct {
		Find rpc.Method `rpc:"find(name)"`
	}

	Stats statsd.Client `statsd:""`
}

// Find sends the timer search.find and the counter search.find_count, and the counter below.
func (s *Search) Find(_ context.Context, name string) ([]string, error) {
	s.Stats.Incr("queries") // search.queries
	return []string{name}, nil
}

// A program passes the module next to those of its services:
//
//	func main() { runner.Main(module, statsd.Module(statsd.Config{Address: "localhost:8125"})) }
func ExampleModule() {
	module := fx.Module("search", service.Provide(new(Search)))
	c, err := service.New(service.Config{}, module, statsd.Module(statsd.Config{Address: "localhost:8125"}),
		service.Configure(transport.Config{URI: "amqp://localhost"}))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(c.Names())
	// Output: [search]
}

// Outside a process, the Client drops everything, so a method can be tested without StatsD.
func ExampleClient() {
	found, err := new(Search).Find(context.Background(), "tea")
	fmt.Println(found, err)
	// Output: [tea] <nil>
}
