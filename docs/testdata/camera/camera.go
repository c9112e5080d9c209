// Package camera has the service of docs/mistakes.md whose mistake shows when it is called.
package camera

import (
	"context"

	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
)

// Camera takes pictures.
type Camera struct {
	_ service.Name `service:"camera"`

	Entrypoints struct {
		Watch rpc.Method `rpc:"watch()"`
	}
}

// Watch returns what cannot travel.
func (*Camera) Watch(context.Context) (any, error) { return make(chan []byte), nil }
