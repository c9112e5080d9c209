// Command client takes tea from the stock, as a program that is no service: client URI.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/gomeko/gomeko/examples/nameko"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/transport"
)

// Stock is a client of the stock service.
type Stock struct {
	_ rpc.Client `rpc:"stock"`

	Take func(ctx context.Context, product string, number int) (nameko.Price, error) `rpc:"take(product, *, number)"`
}

func main() {
	if err := run(context.Background(), os.Args[1]); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, uri string) error {
	conn, err := rpc.Dial(ctx, transport.Config{URI: uri}, rpc.Config{Timeout: 10 * time.Second})
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	stock, err := rpc.Bind[Stock](conn)
	if err != nil {
		return err
	}
	price, err := stock.Take(nameko.Currency.With(ctx, "USD"), "tea", 2)
	if err != nil {
		return err
	}
	fmt.Println(price.Amount, price.Currency)
	return nil
}
