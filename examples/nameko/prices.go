package nameko

import (
	"context"

	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
)

// Currency is context data: the currency of prices, for all services that a call passes through.
const Currency service.Key[string] = "currency"

// Prices knows the prices of products.
type Prices struct {
	_ service.Name `service:"prices"`

	Entrypoints struct {
		Price rpc.Method `rpc:"price(product, number)"`
	}
}

// ErrUnknownProduct is returned for a product without a price.
var ErrUnknownProduct = rpc.NewError("stock.UnknownProduct", "unknown product")

// A Price is the price of a number of products.
type Price struct {
	Amount   int    `json:"amount"`
	Currency string `json:"currency"`
}

// Price returns the price of a number of products, in the currency of the caller's context.
func (*Prices) Price(ctx context.Context, product string, number int) (Price, error) {
	if product != "tea" {
		return Price{}, ErrUnknownProduct
	}
	currency, ok := Currency.Get(ctx)
	if !ok {
		currency = "EUR"
	}
	return Price{250 * number, currency}, nil
}
