package hosttest

import (
	"context"
	"testing"

	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/transport"
)

// Dial connects to a broker. It closes the connection when the test ends.
func Dial(t testing.TB, broker transport.Config) *transport.Conn {
	t.Helper()
	conn, err := transport.Dial(t.Context(), broker)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { Close(t, conn.Close) })
	return conn
}

// Caller returns a Caller with its own connection. It closes both when the test ends.
func Caller(t testing.TB, broker transport.Config, cfg rpc.Config) *rpc.Caller {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Timeout) // not the limit of its calls, which may be short
	defer cancel()
	caller, err := rpc.NewCaller(ctx, Dial(t, broker), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { Close(t, caller.Close) })
	return caller
}
