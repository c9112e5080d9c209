package prices

import (
	"context"
	"sync"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/events"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
)

// Module contains the application. Its services can run in one process or in several.
var Module = fx.Module("prices", service.Provide(new(Prices)), service.Provide(NewCatalog()), service.Provide(new(Alerts)),
	fx.Supply(Send(func(context.Context, Changed) error { return nil })))

// Prices sets the prices of products.
type Prices struct {
	_ service.Name `service:"prices"`

	Entrypoints struct {
		Change rpc.Method `rpc:"change(product, cents)"`
	}

	Dispatch events.Dispatcher
}

// Changed is the payload of price_changed.
type Changed struct {
	Product string `json:"product"`
	Cents   int    `json:"cents"`
}

// Change sets the price of a product. When it returns, the broker has the event.
func (p *Prices) Change(ctx context.Context, product string, cents int) error {
	return p.Dispatch(ctx, "price_changed", Changed{product, cents})
}

// Catalog answers from memory. Each process has its own cache, so every process receives every
// change (broadcast). A process that has stopped has no cache to update, so its queue is deleted
// (reliable).
type Catalog struct {
	_ service.Name `service:"catalog"`

	Entrypoints struct {
		Price rpc.Method     `rpc:"price(product)"`
		Learn events.Handler `events:"prices.price_changed" delivery:"broadcast" reliable:"false"`
	}

	cache *sync.Map
}

// NewCatalog returns a catalog without prices.
func NewCatalog() *Catalog { return &Catalog{cache: new(sync.Map)} }

// Price returns the price of a product, or nil if it is unknown.
func (c *Catalog) Price(_ context.Context, product string) (any, error) {
	cents, _ := c.cache.Load(product)
	return cents, nil
}

// Learn updates the cache.
func (c *Catalog) Learn(_ context.Context, changed Changed) error {
	c.cache.Store(changed.Product, changed.Cents)
	return nil
}

// Send notifies customers of a change.
type Send func(ctx context.Context, changed Changed) error

// Alerts notifies customers of each change once. It uses a pool, the default, in which one process
// receives each event. The queue remains while no process runs, and a failed call is retried.
type Alerts struct {
	_ service.Name `service:"alerts"`

	Entrypoints struct {
		PriceChanged events.Handler `events:"prices.price_changed" requeue:"true"`
	}

	Send Send `inject:""`
}

// PriceChanged notifies customers of a change.
func (a *Alerts) PriceChanged(ctx context.Context, changed Changed) error {
	return a.Send(ctx, changed)
}
