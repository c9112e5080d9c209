package rpc_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"time"

	"github.com/gomeko/gomeko/broker"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Prices knows what things cost.
type Prices struct {
	_ service.Name `service:"prices"`

	Entrypoints struct {
		Price rpc.Method `rpc:"price(product, count=1)"`
	}
}

// ErrUnknownProduct is returned for a product that is not sold.
var ErrUnknownProduct = rpc.NewError("prices.exceptions.UnknownProduct", "unknown product")

func (*Prices) Price(_ context.Context, product string, count int) (int, error) {
	if product != "tea" {
		return 0, fmt.Errorf("%s: %w", product, ErrUnknownProduct)
	}
	return 3 * count, nil
}

// Shop calls prices.
type Shop struct {
	_ service.Name `service:"shop"`

	Entrypoints struct {
		Offer rpc.Method `rpc:"offer(product)"`
	}

	Prices rpc.Client `rpc:"prices"`
}

func (s *Shop) Offer(ctx context.Context, product string) (string, error) {
	var price int
	if err := s.Prices.Call(ctx, "price", &price, product); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s for %d", product, price), nil
}

func ExampleMethod() {
	b, end := exampleBroker()
	defer end()
	defer serve(b, new(Prices))()

	caller, hangUp := connect(b)
	defer hangUp()
	fmt.Println(caller.Client("prices").Call(context.Background(), "price", nil))
	// Output: IncorrectSignature: price() missing 1 required positional argument: 'product'
}

func ExampleClient() {
	b, end := exampleBroker()
	defer end()
	defer serve(b, new(Prices), new(Shop))()

	caller, hangUp := connect(b)
	defer hangUp()
	var offer string
	err := caller.Client("shop").Call(context.Background(), "offer", &offer, "tea")
	fmt.Println(offer, err)
	// Output: tea for 3 <nil>
}

func ExampleNewCaller() {
	b, end := exampleBroker() // elsewhere: transport.Config{URI: "amqp://guest:guest@localhost"}
	defer end()
	defer serve(b, new(Prices))()

	ctx := context.Background()
	conn, err := transport.Dial(ctx, b)
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close(ctx)
	caller, err := rpc.NewCaller(ctx, conn, rpc.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer caller.Close(ctx)

	var price int
	err = caller.Client("prices").Call(ctx, "price", &price, "tea", rpc.Kwargs{"count", 2})
	fmt.Println(price, err)

	err = caller.Client("nobody").Call(ctx, "price", nil)
	fmt.Println(errors.Is(err, rpc.ErrUnknownService), err)
	// Output:
	// 6 <nil>
	// true UnknownService: Unknown service `nobody`
}

// PricesClient is a typed client of [Prices].
type PricesClient struct {
	_ rpc.Client `rpc:"prices"`

	Price func(ctx context.Context, product string, count int) (int, error) `rpc:"price(product, *, count=1)"`
}

// Cart calls prices by its typed client.
type Cart struct {
	_ service.Name `service:"cart"`

	Entrypoints struct {
		Total rpc.Method `rpc:"total(count)"`
	}

	Prices PricesClient
}

func (c *Cart) Total(ctx context.Context, count int) (int, error) {
	return c.Prices.Price(ctx, "tea", count)
}

func ExampleBind() {
	b, end := exampleBroker()
	defer end()
	defer serve(b, new(Prices), new(Cart))()

	caller, hangUp := connect(b)
	defer hangUp()

	// A field of a service, such as Cart's, needs no Bind.
	var total int
	fmt.Println(caller.Client("cart").Call(context.Background(), "total", &total, 2), total)

	prices, err := rpc.Bind[PricesClient](caller)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(prices.Price(context.Background(), "tea", 3))
	_, err = prices.Price(context.Background(), "gold", 1)
	fmt.Println(errors.Is(err, ErrUnknownProduct))

	// In a test, a struct literal is enough as client.
	cart := &Cart{Prices: PricesClient{
		Price: func(_ context.Context, _ string, count int) (int, error) { return 100 * count, nil },
	}}
	fmt.Println(cart.Total(context.Background(), 2))
	// Output:
	// <nil> 6
	// 9 <nil>
	// true
	// 200 <nil>
}

func ExampleClient_Go() {
	b, end := exampleBroker()
	defer end()
	defer serve(b, new(Prices))()

	ctx := context.Background()
	caller, hangUp := connect(b)
	defer hangUp()

	client := caller.Client("prices")
	one, many := client.Go(ctx, "price", "tea"), client.Go(ctx, "price", "tea", 100)
	var price int
	fmt.Println(many.Result(ctx, &price), price)
	fmt.Println(one.Result(ctx, &price), price)
	// Output:
	// <nil> 300
	// <nil> 3
}

func ExampleParallel() {
	price := func(_ context.Context, product string) (int, error) { // or the func of a typed client
		if product != "tea" {
			return 0, ErrUnknownProduct
		}
		return 3, nil
	}
	for price, err := range rpc.Parallel(context.Background(), 2, []string{"tea", "gold", "tea"}, price) {
		fmt.Println(price, err)
	}
	// Output:
	// 3 <nil>
	// 0 UnknownProduct: unknown product
	// 3 <nil>
}

func ExampleWith() {
	b, end := exampleBroker()
	defer end()
	serve(b, new(Prices))() // it ran once, and has stopped

	caller, hangUp := connect(b)
	defer hangUp()

	ctx := rpc.With(context.Background(), rpc.Timeout(time.Second), rpc.Priority(1))
	err := caller.Client("prices").Call(ctx, "price", nil, "tea")
	fmt.Println(errors.Is(err, rpc.ErrTimeout), errors.Is(err, rpc.ErrNoConsumers))
	// Output: true true
}

// Clerk reports which process has answered.
type Clerk struct {
	_ service.Name `service:"clerk"`

	Entrypoints struct {
		Who rpc.Method `rpc:"who()"`
	}
}

func (*Clerk) Who(ctx context.Context) (string, error) { return service.FromContext(ctx).Instance, nil }

func ExampleAt() {
	b, end := exampleBroker()
	defer end()
	for _, instance := range []string{"north/1-a", "south/2-b"} { // the default is host/pid-xxxx
		c, err := service.New(service.Config{Instance: instance, Logger: b.Logger}, new(Clerk), service.Configure(b))
		if err == nil {
			err = c.Start(context.Background())
		}
		if err != nil {
			log.Fatal(err)
		}
		defer c.Stop(context.Background())
	}
	caller, hangUp := connect(b)
	defer hangUp()

	for _, instance := range []string{"south/2-b", "north/1-a", "east/3-c"} {
		var who string
		err := caller.Client("clerk").Call(rpc.With(context.Background(), rpc.At(instance)), "who", &who)
		fmt.Println(who, errors.Is(err, rpc.ErrUnknownService))
	}
	// Output:
	// south/2-b false
	// north/1-a false
	//  true
}

func ExampleNewError() {
	b, end := exampleBroker()
	defer end()
	defer serve(b, new(Prices))()

	caller, hangUp := connect(b)
	defer hangUp()

	err := caller.Client("prices").Call(context.Background(), "price", nil, "gold")
	fmt.Println(errors.Is(err, ErrUnknownProduct))
	fmt.Println(err)
	// Output:
	// true
	// UnknownProduct: gold: unknown product
}

// exampleBroker starts a broker in memory.
func exampleBroker() (transport.Config, func()) {
	quiet := slog.New(slog.DiscardHandler)
	b := broker.New(broker.Config{Logger: quiet})
	dial := func(ctx context.Context, _ string) (net.Conn, error) { return b.Dial(ctx) }
	return transport.Config{URI: "amqp://", Dial: dial, Logger: quiet}, func() { b.Close(context.Background()) }
}

// connect connects a program that calls services. The returned function disconnects it.
func connect(b transport.Config) (*rpc.Caller, func()) {
	ctx := context.Background()
	conn, err := transport.Dial(ctx, b)
	if err != nil {
		log.Fatal(err)
	}
	caller, err := rpc.NewCaller(ctx, conn, rpc.Config{})
	if err != nil {
		log.Fatal(err)
	}
	return caller, func() {
		if err := errors.Join(caller.Close(ctx), conn.Close(ctx)); err != nil {
			log.Fatal(err)
		}
	}
}

// serve hosts services until the returned function is called.
func serve(b transport.Config, services ...any) func() {
	c, err := service.New(service.Config{Logger: b.Logger}, append(services, service.Configure(b))...)
	if err == nil {
		err = c.Start(context.Background())
	}
	if err != nil {
		log.Fatal(err)
	}
	return func() {
		if err := c.Stop(context.Background()); err != nil {
			log.Fatal(err)
		}
	}
}
