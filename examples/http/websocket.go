package httpservice

import (
	"context"

	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/web"
)

// WebsocketRPC is called over a websocket.
type WebsocketRPC struct {
	_ service.Name `service:"websocket_rpc_service"`

	Entrypoints struct {
		Echo web.SocketMethod `web:"echo(value)"`
	}
}

// Echo returns its argument.
func (*WebsocketRPC) Echo(_ context.Context, value string) (string, error) { return value, nil }
