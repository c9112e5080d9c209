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

// Search counts its queries beside what is sent for every call.
type Search struct {
	_ service.Name `service:"search"`

	Entrypoints struct {
		Find rpc.Method `rpc:"find(name)"`
	}

	Stats statsd.Client `statsd:""`
}

// Find sends search.find as a timer and search.find_count as a counter, and this counter of its
// own.
func (s *Search) Find(_ context.Context, name string) ([]string, error) {
	s.Stats.Incr("queries") // search.queries
	return []string{name}, nil
}

// A program passes the module beside those of its services:
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

// Without a process the Client drops everything: a method can be tested on its own.
func ExampleClient() {
	found, err := new(Search).Find(context.Background(), "tea")
	fmt.Println(found, err)
	// Output: [tea] <nil>
}
