package nameko

import (
	"context"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/config"
	"github.com/gomeko/gomeko/di"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
)

// Stock knows what is there.
type Stock struct {
	_ service.Name `service:"stock"`

	Entrypoints struct {
		Count rpc.Method `rpc:"count(product)"`
		Take  rpc.Method `rpc:"take(product, number=1)"`
	}

	Prices PricesClient
	Basket *Basket `inject:""`
}

// ErrOutOfStock is returned when there is less than is to be taken.
var ErrOutOfStock = rpc.NewError("stock.OutOfStock", "out of stock")

// Count returns how many there are of a product.
func (s *Stock) Count(_ context.Context, product string) (int, error) {
	return s.Basket.Count(product), nil
}

// Take takes a number of a product and returns what that costs.
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

// Module is both services with what they need.
var Module = fx.Module("stock",
	service.Provide(new(Stock)),
	service.Provide(new(Prices)),
	config.Provide("STOCK", Opening{}),
	fx.Provide(NewShelf),
	di.PerCall(Baskets),
)
