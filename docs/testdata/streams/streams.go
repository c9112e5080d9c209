// Package streams has the code that docs/streams.md shows.
package streams

import (
	"context"
	"fmt"
	"iter"

	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/web"
)

// An Order is an item.
type Order struct {
	ID   int `json:"id"`
	Year int `json:"year"`
}

// Orders streams orders.
type Orders struct {
	_ service.Name `service:"orders"`

	Entrypoints struct {
		Export rpc.Method `rpc:"export(year)"`
		Import rpc.Method `rpc:"import(orders)"`
		Show   web.Route  `web:"GET /years/{year}/orders" method:"Export"`
	}

	Count int // of the orders of each year
}

// Export yields the orders of a year.
func (o *Orders) Export(ctx context.Context, year int) (iter.Seq2[Order, error], error) {
	return func(yield func(Order, error) bool) {
		for id := 1; id <= o.Count; id++ {
			if !yield(Order{ID: id, Year: year}, nil) {
				return // the reader wants no more
			}
		}
	}, nil
}

// Import counts orders.
func (o *Orders) Import(_ context.Context, orders iter.Seq2[Order, error]) (int, error) {
	n := 0
	for _, err := range orders {
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// OrdersClient is a client of Orders.
type OrdersClient struct {
	_ rpc.Client `rpc:"orders"`

	Export func(ctx context.Context, year int) iter.Seq2[Order, error]            `rpc:"export"`
	Import func(ctx context.Context, orders iter.Seq2[Order, error]) (int, error) `rpc:"import"`
}

// Shop reads the orders of another service.
type Shop struct {
	_ service.Name `service:"shop"`

	Entrypoints struct {
		Total rpc.Method `rpc:"total(year)"`
	}

	Orders OrdersClient
}

// Total counts the orders of a year.
func (s *Shop) Total(ctx context.Context, year int) (int, error) {
	total := 0
	for _, err := range s.Orders.Export(ctx, year) {
		if err != nil {
			return 0, err
		}
		total++
	}
	return total, nil
}

func printAll(ctx context.Context, orders OrdersClient) error {
	for order, err := range orders.Export(ctx, 2026) {
		if err != nil {
			return err
		}
		fmt.Println(order.ID)
	}
	return nil
}
