// Package helloworld is a service with one method.
//
// Run it in the root folder of this module:
//
//	gomeko run ./examples/helloworld
//
// Call it from a second terminal:
//
//	$ gomeko shell
//	>>> n.rpc.greeting_service.hello(name="Julio")
//	'Hello, Julio!'
package helloworld

import (
	"context"

	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
)

// Greeting greets people.
type Greeting struct {
	_ service.Name `service:"greeting_service"`

	Entrypoints struct {
		Hello rpc.Method `rpc:"hello(name)"`
	}
}

// Hello returns a greeting.
func (*Greeting) Hello(_ context.Context, name string) (string, error) {
	return "Hello, " + name + "!", nil
}
