//go:build !unix

package runner

import (
	"context"
	"errors"

	"github.com/gomeko/gomeko/internal/supervisor"
)

// adminNetwork is the network of the sockets of admin addresses.
const adminNetwork = "admin"

func (c *command) supervise(context.Context, *settings, func() supervisor.Program, bool, func(context.Context, func())) error {
	return errors.New("this system cannot supervise processes: it needs Unix")
}
