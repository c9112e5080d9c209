package form_test

import (
	"context"
	"fmt"
	"log"
	"net/url"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/contract"
	"github.com/gomeko/gomeko/panel/form"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Prices is a service.
type Prices struct {
	_ service.Name `service:"prices" allow:"shop/prices"`

	Entrypoints struct {
		Change rpc.Method `rpc:"change(change, test_only=True)" allow:"change" doc:"Changes the price of a product."`
	}
}

// A Change is the argument of change.
type Change struct {
	Product string        `json:"product" minLength:"1" doc:"As in the shop."`
	Price   codec.Decimal `json:"price" min:"0.01"`
}

func (*Prices) Change(context.Context, Change, bool) error { return nil }

// A panel shows the form of a row, and reads what a browser sends.
func Example() {
	c, err := service.New(service.Config{}, new(Prices), service.Configure(transport.Config{URI: "amqp://localhost"}))
	if err != nil {
		log.Fatal(err)
	}
	document := contract.Of(c.Host(), codec.JSON)[0] // or from fleet.Describe
	f, err := form.New(document, "Change")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(f.Title+":", f.Text)

	in := f.Parse(url.Values{"/change/product": {"tea"}, "/change/price": {"-1"}})
	_, faults := in.Arguments()
	fmt.Println(faults)
	html, err := in.HTML() // the faults are at their fields
	if err != nil {
		log.Fatal(err)
	}
	_ = html

	args, faults := f.Parse(url.Values{"/change/product": {"tea"}, "/change/price": {"2.50"}}).Arguments()
	fmt.Printf("%s %v\n", args, faults)
	// Output:
	// Change: Changes the price of a product.
	// [{/change/price must be at least 0.01}]
	// {"change":{"product":"tea","price":"2.50"},"test_only":false} []
}
