package jsonrpc_test

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/gomeko/gomeko/examples/jsonrpc"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
)

// Counter counts for other services, by RPC. An operator on its machine reads the total and resets
// it.
type Counter struct {
	_ service.Name `service:"counter"`

	Entrypoints struct {
		Add   rpc.Method     `rpc:"add(n=1)"`
		Total jsonrpc.Method `jsonrpc:"total" socket:"$RUNTIME_DIRECTORY/counter.sock"`
		Reset jsonrpc.Method `jsonrpc:"reset(to=0)" socket:"$RUNTIME_DIRECTORY/counter.sock" timeout:"5s"`
	}

	total *atomic.Int64
}

func NewCounter() *Counter { return &Counter{total: new(atomic.Int64)} }

func (c *Counter) Add(_ context.Context, n int) (int64, error) { return c.total.Add(int64(n)), nil }
func (c *Counter) Total(context.Context) (int64, error)        { return c.total.Load(), nil }

func (c *Counter) Reset(_ context.Context, to int64) error {
	switch {
	case to < 0:
		return errNegative{}
	case to > 1000:
		return errors.New("out of ink")
	}
	c.total.Store(to)
	return nil
}

type errNegative struct{}

func (errNegative) Error() string  { return "the total cannot be negative" }
func (errNegative) Expected() bool { return true }
