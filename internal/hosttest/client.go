package hosttest

import (
	"testing"

	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/transport"
)

// Dial connects a program that calls services; the connection is closed when the test ends.
func Dial(t testing.TB, broker transport.Config, cfg rpc.Config) *rpc.Conn {
	t.Helper()
	conn, err := rpc.Dial(t.Context(), broker, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { Close(t, conn.Close) })
	return conn
}
