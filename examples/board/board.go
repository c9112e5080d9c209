package board

import (
	"cmp"
	"context"
	"embed"
	"errors"
	"io/fs"
	"net/http"
	"sync"

	"github.com/google/uuid"
	"go.uber.org/fx"

	"github.com/gomeko/gomeko/events"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/web"
)

// Module is the board.
var Module = fx.Module("board", service.Provide(New()))

//go:embed page
var files embed.FS

// New returns an empty board.
func New() *Board {
	page, _ := fs.Sub(files, "page") // it is embedded
	return &Board{Page: web.Mount{Handler: http.FileServerFS(page)}, recent: new(recent)}
}

// Board shows new orders.
type Board struct {
	_ service.Name `service:"board"`

	Entrypoints struct {
		OrderCreated events.Handler   `events:"orders.order_created" delivery:"broadcast" reliable:"false"`
		Watch        web.SocketMethod `web:"watch"`
		Buy          web.Route        `web:"POST /buy"`
	}

	Page   web.Mount `web:"GET /"`
	Hub    web.Hub
	Orders Orders

	recent *recent
}

// Orders is a client of the orders service.
type Orders struct {
	_ rpc.Client `rpc:"orders"`

	Create func(context.Context, Purchase) (Order, error) `rpc:"create_order"`
}

// An Order is an order as the board shows it.
type Order struct {
	ID       string `json:"id"`
	UserID   int    `json:"user_id"`
	Customer string `json:"customer"`
	Product  string `json:"product"`
	Count    int    `json:"count"`
}

// orders is the channel of the browsers that watch.
const orders = "orders"

// OrderCreated sends an order to the browsers that watch.
func (b *Board) OrderCreated(ctx context.Context, order Order) error {
	b.recent.add(order)
	return b.Hub.Broadcast(ctx, orders, "order_created", order)
}

// Watch subscribes a browser to new orders, and returns the latest ones, oldest first. An order
// that arrives in between is sent twice.
func (b *Board) Watch(_ context.Context, s *web.Socket) ([]Order, error) {
	if err := b.Hub.Subscribe(s.ID, orders); err != nil {
		return nil, err
	}
	return b.recent.all(), nil
}

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

// kept is how many orders a new page shows.
const kept = 20

// recent holds the latest orders, oldest first.
type recent struct {
	mu sync.Mutex

	orders []Order
}

func (r *recent) add(order Order) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.orders = append(r.orders, order)
	r.orders = r.orders[max(0, len(r.orders)-kept):]
}

func (r *recent) all() []Order {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Order{}, r.orders...)
}
