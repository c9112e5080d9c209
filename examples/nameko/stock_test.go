package nameko_test

import (
	"context"
	"errors"
	"testing"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/examples/nameko"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/servicetest"
)

// A method is tested on a struct literal.
func TestTake(t *testing.T) {
	t.Parallel()
	stock := &nameko.Stock{
		Prices: nameko.PricesClient{Price: func(_ context.Context, _ string, number int) (nameko.Price, error) {
			return nameko.Price{Amount: number, Currency: "EUR"}, nil
		}},
		Basket: nameko.NewShelf(nameko.Opening{"tea": 2}).Basket(),
	}
	price, err := stock.Take(t.Context(), "tea", 2)
	if want := (nameko.Price{Amount: 2, Currency: "EUR"}); err != nil || price != want {
		t.Errorf("got %v, %v, want %v", price, err, want)
	}
	if _, err := stock.Take(t.Context(), "tea", 1); !errors.Is(err, nameko.ErrOutOfStock) {
		t.Errorf("got %v, want ErrOutOfStock", err)
	}
}

// A running service is tested on a broker in memory.
func TestStock(t *testing.T) {
	t.Parallel()
	h := servicetest.New(t, nameko.Module, fx.Replace(nameko.Opening{"tea": 3, "ink": 5}))
	stock := h.Client("stock")
	var price nameko.Price
	if err := stock.Call(t.Context(), "take", &price, "tea"); err != nil || price.Amount != 250 {
		t.Errorf("got %v, %v, want 250 EUR", price, err)
	}
	if err := stock.Call(t.Context(), "take", nil, "ink"); err == nil {
		t.Error("got no error for a product without a price")
	}
	for product, want := range map[string]int{"tea": 2, "ink": 5} { // the failed call took no ink
		var got int
		if err := stock.Call(t.Context(), "count", &got, product); err != nil || got != want {
			t.Errorf("%s: got %d, %v, want %d", product, got, err, want)
		}
	}
}

// A program starts and stops a Container itself, as with Nameko's ServiceContainer.
func TestContainer(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	container, err := service.New(service.Config{}, new(Clock))
	if err != nil {
		t.Fatal(err)
	}
	if err := container.Start(ctx); err != nil {
		t.Fatal(err)
	}
	if err := container.Stop(ctx); err != nil {
		t.Fatal(err)
	}
}

// Clock has no entrypoints, so its container needs no broker.
type Clock struct {
	_ service.Name `service:"clock"`
}
