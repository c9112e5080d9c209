package prices

import (
	"context"
	"sync"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/events"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
)

// Module is the application: all of it in one process, or each service in as many as one likes.
var Module = fx.Module("prices", service.Provide(new(Prices)), service.Provide(NewCatalog()), service.Provide(new(Alerts)),
	fx.Supply(Send(func(context.Context, Changed) error { return nil })))

// Prices decides what things cost.
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

// Change tells everybody what a product costs from now on. When it returns, the broker has the event.
func (p *Prices) Change(ctx context.Context, product string, cents int) error {
	return p.Dispatch(ctx, "price_changed", Changed{product, cents})
}

// Catalog answers from memory. Each process has a cache of its own, so each has to hear of every change; one that is not there
// has no cache to be wrong, so its queue goes with it.
type Catalog struct {
	_ service.Name `service:"catalog"`

	Entrypoints struct {
		Price rpc.Method     `rpc:"price(product)"`
		Learn events.Handler `events:"prices.price_changed" delivery:"broadcast" reliable:"false"`
	}

	cache *sync.Map
}

// NewCatalog returns a catalog that knows no price.
func NewCatalog() *Catalog { return &Catalog{cache: new(sync.Map)} }

// Price returns what a product costs, nothing if it is not known.
func (c *Catalog) Price(_ context.Context, product string) (any, error) {
	cents, _ := c.cache.Load(product)
	return cents, nil
}

// Learn replaces what the cache has.
func (c *Catalog) Learn(_ context.Context, changed Changed) error {
	c.cache.Store(changed.Product, changed.Cents)
	return nil
}

// Send sends word of a change to those who wait for it.
type Send func(ctx context.Context, changed Changed) error

// Alerts sends word of each change, once: in a pool, which is what handlers are unless they say otherwise, one of its processes
// gets the event. Its queue stays when all are gone, and what fails is tried again.
type Alerts struct {
	_ service.Name `service:"alerts"`

	Entrypoints struct {
		PriceChanged events.Handler `events:"prices.price_changed" requeue:"true"`
	}

	Send Send `inject:""`
}

// PriceChanged sends word of a change.
func (a *Alerts) PriceChanged(ctx context.Context, changed Changed) error {
	return a.Send(ctx, changed)
}
