package web

import (
	"cmp"
	"context"
	"net"
)

// Config says how the HTTP server of a process is run. Extensions find it in service.Config.Values. The zero value works.
type Config struct {
	// Address is where the server listens (Nameko's WEB_SERVER_ADDRESS): host:port, or a port alone. Port 0 is any that is
	// free. "" is 0.0.0.0:8000, as in Nameko.
	Address string

	// Listen opens the listener at the address; nil listens by TCP. Who starts the server on port 0 learns the port here.
	Listen func(ctx context.Context, address string) (net.Listener, error)
}

const defaultAddress = "0.0.0.0:8000"

func (c Config) listen(ctx context.Context) (net.Listener, error) {
	address := cmp.Or(c.Address, defaultAddress)
	if c.Listen != nil {
		return c.Listen(ctx, address)
	}
	return new(net.ListenConfig).Listen(ctx, "tcp", address)
}
