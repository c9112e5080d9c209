// Package settings is a service that prints its settings when it starts.
package settings

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"strings"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/config"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
)

//go:embed embedded.txt
var embedded string

// Module contains the service.
var Module = fx.Module("greeting", service.Provide(new(Greeting)), config.Provide("greeting", Settings{}), fx.Invoke(show))

// Settings is the key greeting of the configuration.
type Settings struct {
	Word string `yaml:"word"`
}

// Greeting greets.
type Greeting struct {
	_ service.Name `service:"greeting"`

	Entrypoints struct {
		Hello rpc.Method `rpc:"hello"`
	}
}

// Hello does nothing.
func (*Greeting) Hello(context.Context) error { return nil }

func show(s Settings) {
	fmt.Fprintln(os.Stderr, strings.TrimSpace("the word is "+s.Word+" "+embedded))
}
