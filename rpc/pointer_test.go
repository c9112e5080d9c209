package rpc_test

import (
	"testing"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/rpc"
)

// A result that is not a pointer is an error before the method runs.
func TestResultNotPointer(t *testing.T) {
	t.Parallel()
	uri := brokertest.Embedded(t)
	p := start(t, uri, new(Till))
	client := dial(t, uri, rpc.Config{}, nil).Client("till")
	const want = "till.fetched: result: cannot decode into int: pass a pointer"
	if err := client.Call(t.Context(), "fetched", 0); err == nil || err.Error() != want {
		t.Errorf("Call: got %v, want %s", err, want)
	}
	var none *detail
	if err := client.Call(t.Context(), "fetched", none); err == nil {
		t.Error("Call into a nil pointer: got no error")
	}
	if lines := p.Log.Lines("method=Fetched"); len(lines) > 0 {
		t.Errorf("the method ran: %q", lines)
	}
	reply := client.Go(t.Context(), "fetched")
	if err := reply.Result(t.Context(), 0); err == nil || err.Error() != want {
		t.Errorf("Result: got %v, want %s", err, want)
	}
	hosttest.Receive(t, "the reply", reply.Done())
	if err := reply.Result(t.Context(), new(detail)); err != nil {
		t.Errorf("the reply is lost: %v", err)
	}
}
