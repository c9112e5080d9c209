package orders_test

import (
	"context"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/gomeko/gomeko/examples/orders"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/rpc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// eachDatabase runs f as the subtests sqlite and postgres, with the settings of an empty database.
func eachDatabase(t *testing.T, f func(t *testing.T, settings orders.Settings)) {
	t.Run("sqlite", func(t *testing.T) { f(t, orders.Settings{Database: filepath.Join(t.TempDir(), "orders.db")}) })
	t.Run("postgres", func(t *testing.T) { f(t, orders.Settings{Database: hosttest.Schema(t)}) })
}

// Shop is a client of the orders service.
type Shop struct {
	_ rpc.Client `rpc:"orders"`

	Create func(context.Context, Request) (orders.Order, error)         `rpc:"create_order"`
	Get    func(ctx context.Context, id string) (orders.Order, error)   `rpc:"get_order"`
	Latest func(ctx context.Context, count int) ([]orders.Order, error) `rpc:"latest_orders"`
}

// Request has the arguments of create_order, except for the count.
type Request struct {
	ID      string `json:"id"`
	UserID  int    `json:"user_id"`
	Product string `json:"product"`
}
