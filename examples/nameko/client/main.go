// Command client is a program that hosts no services. It takes tea from the stock: client URI.
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
	conn, err := transport.Dial(ctx, transport.Config{URI: uri})
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	caller, err := rpc.NewCaller(ctx, conn, rpc.Config{Timeout: 10 * time.Second})
	if err != nil {
		return err
	}
	defer caller.Close(ctx)
	stock, err := rpc.Bind[Stock](caller)
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
