package nameko

import (
	"context"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/config"
	"github.com/gomeko/gomeko/di"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
)

// Stock sells products while they are in stock.
type Stock struct {
	_ service.Name `service:"stock"`

	Entrypoints struct {
		Count rpc.Method `rpc:"count(product)"`
		Take  rpc.Method `rpc:"take(product, number=1)"`
	}

	Prices PricesClient
	Basket *Basket `inject:""`
}

// ErrOutOfStock is returned if there are fewer products than requested.
var ErrOutOfStock = rpc.NewError("stock.OutOfStock", "out of stock")

// Count returns how many of a product are left.
func (s *Stock) Count(_ context.Context, product string) (int, error) {
	return s.Basket.Count(product), nil
}

// Take takes a number of a product and returns the price.
func (s *Stock) Take(ctx context.Context, product string, number int) (Price, error) {
	if s.Basket.Count(product) < number {
		return Price{}, ErrOutOfStock
	}
	s.Basket.Take(product, number)
	return s.Prices.Price(ctx, product, number)
}

// PricesClient is a client of the prices service.
type PricesClient struct {
	_ rpc.Client `rpc:"prices"`

	Price func(ctx context.Context, product string, number int) (Price, error) `rpc:"price(product, *, number)"`
}

// Module contains both services and their dependencies.
var Module = fx.Module("stock",
	service.Provide(new(Stock)),
	service.Provide(new(Prices)),
	config.Provide("STOCK", Opening{}),
	fx.Provide(NewShelf),
	di.PerCall(Baskets),
)
