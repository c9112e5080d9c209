package board

import (
	"cmp"
	"context"
	"embed"
	"errors"
	"io/fs"
	"net/http"

	"github.com/google/uuid"
	"go.uber.org/fx"

	"github.com/gomeko/gomeko/events"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/web"
)

// Module contains the board.
var Module = fx.Module("board", service.Provide(New()))

//go:embed page
var files embed.FS

// New returns the board.
func New() *Board {
	page, _ := fs.Sub(files, "page") // it is embedded
	return &Board{Page: web.Mount{Handler: http.FileServerFS(page)}}
}

// Board shows new orders.
type Board struct {
	_ service.Name `service:"board"`

	Entrypoints struct {
		OrderCreated events.Handler   `events:"orders.order_created"`
		Watch        web.SocketMethod `web:"watch"`
		Listen       web.Feed         `web:"GET /feed"`
		Buy          web.Route        `web:"POST /buy"`
	}

	Page   web.Mount `web:"GET /"`
	Hub    web.Hub
	Orders Orders
}

// Orders is a client of the orders service.
type Orders struct {
	_ rpc.Client `rpc:"orders"`

	Create func(context.Context, Purchase) (Order, error)        `rpc:"create_order"`
	Latest func(ctx context.Context, count int) ([]Order, error) `rpc:"latest_orders"`
}

// An Order is an order as the board shows it.
type Order struct {
	ID       string `json:"id"`
	UserID   int    `json:"user_id"`
	Customer string `json:"customer"`
	Product  string `json:"product"`
	Count    int    `json:"count"`
}

// orders is the channel of the clients that watch.
const orders = "orders"

// OrderCreated sends an order to the clients that watch, of every process of the board.
func (b *Board) OrderCreated(ctx context.Context, order Order) error {
	return b.Hub.Broadcast(ctx, orders, "order_created", order)
}

// shown is how many orders a new page shows.
const shown = 20

// Watch subscribes a browser to new orders, and returns the latest ones, newest first. An order
// created in between is sent twice.
func (b *Board) Watch(ctx context.Context, s *web.Socket) ([]Order, error) {
	if err := b.Hub.Subscribe(s.ID, orders); err != nil {
		return nil, err
	}
	return b.Orders.Latest(ctx, shown)
}

// Listen allows every client to receive new orders without a websocket.
func (*Board) Listen(context.Context) ([]string, error) { return []string{orders}, nil }

// errTooMany is an error of the orders service. errors.Is compares its name.
var errTooMany = rpc.NewError("orders.exceptions.TooMany", "too many orders")

// A Purchase is the data of the form.
type Purchase struct {
	UserID  int    `json:"user_id"`
	Product string `json:"product"`
	Count   int    `json:"count" default:"1"`
	ID      string `json:"id,omitempty"`
}

// Buy creates an order. A browser without JavaScript is redirected to the page.
func (b *Board) Buy(ctx context.Context, p Purchase) (web.Response, error) {
	p.ID = cmp.Or(p.ID, uuid.NewString())
	_, err := b.Orders.Create(ctx, p)
	if errors.Is(err, errTooMany) {
		err = &web.Error{Status: http.StatusConflict, Type: "TooMany", Message: "You have too many orders already."}
	}
	if err != nil {
		return web.Response{}, err
	}
	return web.Response{Status: http.StatusSeeOther, Header: http.Header{"Location": {"/"}}}, nil
}
