// Package helloworld is a service with one method.
//
// Run it, in the folder of this module:
//
//	gomeko run ./examples/helloworld
//
// and call it from a second terminal:
//
//	$ gomeko shell
//	>>> n.rpc.greeting_service.hello(name="Julio")
//	'Hello, Julio!'
package helloworld

import (
	"context"
	"fmt"

	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
)

// Greeting greets.
type Greeting struct {
	_ service.Name `service:"greeting_service"`

	Entrypoints struct {
		Hello rpc.Method `rpc:"hello(name)"`
	}
}

// Hello greets who is named.
func (*Greeting) Hello(_ context.Context, name string) (string, error) {
	return fmt.Sprintf("Hello, %s!", name), nil
}
