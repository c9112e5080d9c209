// Package wrong contains services with one mistake of each kind.
package wrong

import (
	"context"
	"sync"

	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
)

// Orders has mistakes in its rows.
type Orders struct {
	_ service.Name `service:"orders"`

	Entrypoints struct {
		GetOrder rpc.Method `rpc:"get_order(order_id, verbose)"`
		Missing  rpc.Method `rpc:"missing"`
		Count    rpc.Method `rpc:"count(n='x')"`
		Late     rpc.Method `rpc:"late" timeot:"5s"`
		Sweep    rpc.Method `rpc:"sweep"`
		Twice    rpc.Method `rpc:"sweep" method:"Sweep"`
	}
}

func (*Orders) GetOrder(_ context.Context, id int) (int, error) { return id, nil }
func (*Orders) Count(_ context.Context, n int) (int, error)     { return n, nil }
func (*Orders) Late(context.Context) error                      { return nil }
func (*Orders) Sweep(context.Context) error                     { return nil }

// Users has a lock by value.
type Users struct {
	_ service.Name `service:"users"`

	Entrypoints struct {
		Get rpc.Method `rpc:"get(id)"`
	}

	mu sync.Mutex
}

func (u *Users) Get(_ context.Context, id int) (int, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return id, nil
}
