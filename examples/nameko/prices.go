package nameko

import (
	"context"

	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
)

// Currency is context data: what is paid in, for all services on the way of a call.
const Currency service.Key[string] = "currency"

// Prices knows what things cost.
type Prices struct {
	_ service.Name `service:"prices"`

	Entrypoints struct {
		Price rpc.Method `rpc:"price(product, number)"`
	}
}

// ErrUnknownProduct is returned for what has no price.
var ErrUnknownProduct = rpc.NewError("stock.UnknownProduct", "unknown product")

// A Price is what a number of things costs.
type Price struct {
	Amount   int    `json:"amount"`
	Currency string `json:"currency"`
}

// Price returns what a number of a product costs.
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
