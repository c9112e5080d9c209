package nameko

import (
	"context"
	"maps"
	"sync"

	"github.com/gomeko/gomeko/di"
)

// Opening is the initial stock, from the key STOCK of the configuration.
type Opening map[string]int

// A Shelf counts the products in stock. Each process has one.
type Shelf struct {
	mu     sync.Mutex
	counts map[string]int
}

// NewShelf returns a shelf with the opening stock.
func NewShelf(opening Opening) *Shelf {
	return &Shelf{counts: maps.Clone(opening)}
}

// Basket returns an empty basket.
func (s *Shelf) Basket() *Basket {
	return &Basket{shelf: s, taken: map[string]int{}}
}

// A Basket holds the products that one call takes from the shelf.
type Basket struct {
	shelf *Shelf
	taken map[string]int
}

// Baskets gives each call its own basket, and takes the products from the shelf if the call
// succeeds.
func Baskets(shelf *Shelf) di.Provider[*Basket] {
	return func(context.Context) (*Basket, di.Done, error) {
		basket := shelf.Basket()
		return basket, func(err error) error {
			if err != nil {
				return err
			}
			return basket.leave()
		}, nil
	}
}

// Count returns how many of a product are left.
func (b *Basket) Count(product string) int {
	b.shelf.mu.Lock()
	defer b.shelf.mu.Unlock()
	return b.shelf.counts[product] - b.taken[product]
}

// Take puts a number of a product into the basket.
func (b *Basket) Take(product string, number int) {
	b.taken[product] += number
}

// leave takes the products in the basket from the shelf, or none of them if another call was
// faster.
func (b *Basket) leave() error {
	b.shelf.mu.Lock()
	defer b.shelf.mu.Unlock()
	for product, number := range b.taken {
		if b.shelf.counts[product] < number {
			return ErrOutOfStock
		}
	}
	for product, number := range b.taken {
		b.shelf.counts[product] -= number
	}
	return nil
}
